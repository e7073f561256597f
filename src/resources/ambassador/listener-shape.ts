/** The fields of a Listener and what each takes. */
import type { FieldReader } from './field-reader.ts';
import type { FieldSchema } from './field-schema.ts';
import { anything, integer, list, oneOf, record, text, withSchema, type FieldKind, type FieldTable } from './fields.ts';
import { labelSelector } from './selector-shape.ts';
import type { ListenerSpec } from './types.ts';

const shorthands = {
  HTTP: ['HTTP', 'TCP'],
  HTTPS: ['TLS', 'HTTP', 'TCP'],
  HTTPPROXY: ['PROXY', 'HTTP', 'TCP'],
  HTTPSPROXY: ['TLS', 'PROXY', 'HTTP', 'TCP'],
  TCP: ['TCP'],
  TLS: ['TLS', 'TCP'],
} as const;
type Protocol = keyof typeof shorthands;
const PROTOCOLS: readonly Protocol[] = ['HTTP', 'HTTPS', 'HTTPPROXY', 'HTTPSPROXY', 'TCP', 'TLS'];

type HostBinding = ListenerSpec['hostBinding'];
type ListenerFields = {
  readonly port?: number;
  readonly protocol?: Protocol;
  readonly protocolStack?: readonly string[];
  readonly securityModel?: ListenerSpec['securityModel'];
  readonly l7Depth?: number;
  readonly hostBinding?: HostBinding;
  readonly statsPrefix?: string;
  readonly http2MaxConcurrentStreams?: number;
  readonly internal_address_config?: unknown;
};
export type ListenerField = keyof ListenerFields;
export type ReadListenerFields = Partial<ListenerFields>;

const layers = list(oneOf(['TLS', 'HTTP', 'PROXY', 'TCP', 'UDP']));

const stackSchema: FieldSchema = {
  ...layers.schema,
  'x-kubernetes-validations': [
    {
      // Of an empty list Ambassador thinks as of none.
      rule: "self.size() == 0 || self[self.size() - 1] == 'TCP' || (self[self.size() - 1] == 'UDP' && 'HTTP' in self)",
      message: 'must end in TCP, or in UDP with HTTP before it',
    },
  ],
};

const protocolStack: FieldKind<readonly string[]> = withSchema(stackSchema, (value, path, reader) => {
  const stack = layers(value, path, reader);
  if (stack === undefined) return undefined;
  const last = stack.at(-1);
  if (last !== 'TCP' && last !== 'UDP') {
    return reader.reject(path, `\`${path}\` must end in \`TCP\` or \`UDP\`.`, 'Add `TCP` at the end.');
  }
  if (last === 'UDP' && !stack.includes('HTTP')) {
    return reader.reject(path, `\`${path}\` has \`UDP\` without \`HTTP\`.`, 'UDP carries HTTP/3 only: add `HTTP`.');
  }
  return stack;
});

type Binding = {
  readonly namespace?: { readonly from?: 'SELF' | 'ALL' };
  readonly selector?: Readonly<Record<string, string>>;
};

const bindingFields = record<Binding>({
  namespace: record<{ readonly from?: 'SELF' | 'ALL' }>({ from: oneOf(['SELF', 'ALL']) }),
  selector: labelSelector,
});

const bindingSchema: FieldSchema = {
  ...bindingFields.schema,
  'x-kubernetes-validations': [
    { rule: 'has(self.namespace) || has(self.selector)', message: 'needs namespace or selector' },
  ],
};

const hostBinding: FieldKind<HostBinding> = withSchema(bindingSchema, (value, path, reader) => {
  const read = bindingFields(value, path, reader);
  if (read === undefined) return undefined;
  if (read.namespace === undefined && read.selector === undefined) {
    return reader.reject(path, `\`${path}\` needs \`namespace\` or \`selector\`.`, 'Add `namespace: { from: ALL }`.');
  }
  return { namespaceFrom: read.namespace?.from ?? 'SELF', matchLabels: read.selector ?? null };
});

export const listenerFields: FieldTable<ListenerFields> = {
  port: integer(1, 65_535),
  protocol: oneOf(PROTOCOLS),
  protocolStack,
  securityModel: oneOf(['XFP', 'SECURE', 'INSECURE']),
  l7Depth: withSchema({ type: 'integer', minimum: 0, default: 0 }, integer(0, 255)),
  hostBinding,
  statsPrefix: text,
  http2MaxConcurrentStreams: integer(0),
  internal_address_config: anything,
};

/** Stand-ins fill what is missing or wrong; such a Listener is invalid and decides nothing. */
export function listenerSpec(
  read: ReadListenerFields,
  written: Readonly<Record<string, unknown>>,
  reader: FieldReader,
): ListenerSpec {
  const has = (key: ListenerField): boolean => (written[key] ?? null) !== null;
  for (const key of ['port', 'securityModel', 'hostBinding'] as const) if (!has(key)) reader.missing('spec', key);
  if (!has('protocol') && !has('protocolStack')) reader.missing('spec', 'protocol');
  if (has('protocol') && has('protocolStack')) {
    reader.say('spec.protocol', {
      severity: 'error',
      code: 'protocol-overridden',
      message: '`protocolStack` is set, so `protocol` is not looked at.',
      hint: 'Keep one of the two.',
    });
  }
  return {
    port: read.port ?? 0,
    protocolStack: read.protocolStack ?? (read.protocol === undefined ? [] : shorthands[read.protocol]),
    securityModel: read.securityModel ?? 'INSECURE',
    l7Depth: read.l7Depth ?? 0,
    hostBinding: read.hostBinding ?? { namespaceFrom: 'SELF', matchLabels: null },
  };
}
