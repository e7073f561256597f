/** `parity`, `gateway` and `ambassador` → settings of the model and choices of the Ambassador translator. */
import type * as z from 'zod';
import type { SettingsPatch } from '../model/settings.ts';
import type { AmbassadorChoices } from './portolan-config.ts';
import type { ambassadorSchema, gatewaySchema, paritySchema } from './schema.ts';

type Parity = z.infer<typeof paritySchema>;
type Gateway = z.infer<typeof gatewaySchema>;
type Ambassador = z.infer<typeof ambassadorSchema>;

const BYTES_PER_KB = 1024;

/** Only what was written: the rest is left to the Module and the defaults. */
export function settingsPatch(parity: Parity, gateway: Gateway): SettingsPatch {
  const { dotSegments, escapedSlashes, pathParams, mergeSlashes, rewriteDoubleSlash } = parity;
  const { hostPort, rejectStatus, redirectUnmatched, failOpen } = parity;
  const { maxRequestHeadersKb, ...others } = gateway;
  const paths = written({ dotSegments, escapedSlashes, pathParams, mergeSlashes, rewriteDoubleSlash });
  return {
    ...written({ hostPort, rejectStatus, redirectUnmatched, failOpen }),
    ...others,
    ...(maxRequestHeadersKb === undefined ? {} : { maxRequestHeadersBytes: maxRequestHeadersKb * BYTES_PER_KB }),
    ...(Object.keys(paths).length === 0 ? {} : { paths }),
  };
}

export function ambassadorChoices(parity: Parity, ambassador: Ambassador): AmbassadorChoices {
  const { id, namespace, allowUnenforced, looseLabelSelectors } = ambassador;
  const { unattached, prefixMode, weightsRemainder, hostPort, strictClaims } = parity;
  return written({
    ambassadorId: id,
    ambassadorNamespace: namespace,
    allowUnenforced,
    looseLabelSelectors,
    unattached,
    prefixMode,
    weightsRemainder,
    hostPort,
    strictClaims,
  });
}

type Written<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

/** The fields that have a value. */
function written<Fields extends object>(fields: Fields): Written<Fields> {
  const kept: Written<Fields> = {};
  for (const key in fields) {
    const value = fields[key];
    if (isDefined(value)) kept[key] = value;
  }
  return kept;
}

function isDefined<Value>(value: Value): value is Exclude<Value, undefined> {
  return value !== undefined;
}
