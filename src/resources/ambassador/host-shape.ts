/** The fields of a Host and what each takes. */
import type { FieldReader } from './field-reader.ts';
import {
  boolean,
  integer,
  list,
  mappingOf,
  oneOf,
  optionalText,
  record,
  text,
  withSchema,
  type FieldTable,
} from './fields.ts';
import { labelSelector } from './selector-shape.ts';
import type { HostSpec } from './types.ts';

type InsecureAction = HostSpec['insecureAction'];

type HostFields = {
  readonly hostname?: string;
  readonly mappingSelector?: Readonly<Record<string, string>>;
  readonly selector?: Readonly<Record<string, string>>;
  readonly requestPolicy?: {
    readonly insecure?: { readonly action?: InsecureAction; readonly additionalPort?: number };
  };
  readonly tlsSecret?: Readonly<Record<string, unknown>>;
  readonly tlsContext?: { readonly name?: string };
  readonly tls?: Readonly<Record<string, unknown>>;
  readonly acmeProvider?: Readonly<Record<string, unknown>>;
  readonly previewUrl?: Readonly<Record<string, unknown>>;
};
export type HostField = keyof HostFields;
export type ReadHostFields = Partial<HostFields>;

const words = text.schema;
const tlsSettings = {
  cert_chain_file: words,
  private_key_file: words,
  ca_secret: words,
  cacert_chain_file: words,
  crl_secret: words,
  alpn_protocols: words,
  cert_required: boolean.schema,
  min_tls_version: words,
  max_tls_version: words,
  cipher_suites: list(text).schema,
  ecdh_curves: list(text).schema,
  redirect_cleartext_from: { type: 'integer' },
  sni: words,
} as const;

export const hostFields: FieldTable<HostFields> = {
  hostname: withSchema({ type: 'string', default: '*' }, optionalText),
  mappingSelector: labelSelector,
  selector: labelSelector,
  requestPolicy: record<NonNullable<HostFields['requestPolicy']>>({
    insecure: record<{ readonly action?: InsecureAction; readonly additionalPort?: number }>({
      action: oneOf(['Redirect', 'Reject', 'Route']),
      additionalPort: withSchema({ type: 'integer' }, integer(-1, 65_535)),
    }),
  }),
  tlsSecret: mappingOf({ name: words, namespace: words }),
  tlsContext: record<{ readonly name?: string }>({ name: text }),
  tls: mappingOf(tlsSettings),
  acmeProvider: mappingOf({
    authority: words,
    email: words,
    privateKeySecret: record<{ readonly name?: string }>({ name: text }).schema,
    registration: words,
  }),
  previewUrl: mappingOf({ enabled: boolean.schema, type: words }),
};

/** `contextRequires`: a TLSContext of that name asks clients for a certificate. */
export function hostSpec(
  read: ReadHostFields,
  name: string,
  reader: FieldReader,
  contextRequires: (context: string) => boolean,
): HostSpec {
  if (read.selector !== undefined && read.mappingSelector !== undefined) {
    reader.say('spec.selector', {
      severity: 'warning',
      code: 'selector-overridden',
      message: '`mappingSelector` is set, so `selector` is not looked at.',
      hint: 'Keep `mappingSelector`.',
    });
  }
  reportIgnored(read, reader);
  return {
    hostname: read.hostname ?? '*',
    mappingSelector: read.mappingSelector ?? read.selector ?? null,
    insecureAction: read.requestPolicy?.insecure?.action ?? 'Redirect',
    requiresClientCertificate:
      asksForCertificate(read.tls ?? {}) ||
      // A context of this name belongs to the Host without being named.
      [read.tlsContext?.name ?? '', `${name}-context`].some(contextRequires),
  };
}

function reportIgnored(read: ReadHostFields, reader: FieldReader): void {
  if (read.previewUrl !== undefined) {
    reader.say('spec.previewUrl', {
      severity: 'warning',
      code: 'preview-url-ignored',
      message: '`previewUrl` is ignored, as in Ambassador.',
      hint: 'Remove it.',
    });
  }
  if (read.requestPolicy?.insecure?.additionalPort !== undefined) {
    reader.say('spec.requestPolicy.insecure.additionalPort', {
      severity: 'info',
      code: 'no-effect-at-edge',
      message: '`additionalPort` has no effect at the edge, which has one port for requests in clear.',
      hint: null,
    });
  }
}

/**
 * TLS settings that ask clients for a certificate. A certificate authority for clients without a word on
 * whether they must show one counts as asking: the safe reading, and `cert_required: false` says otherwise.
 */
export function asksForCertificate(tls: Readonly<Record<string, unknown>>): boolean {
  const required = tls['cert_required'] ?? tls['certRequired'];
  if (required !== undefined && required !== null) return required !== false && required !== 'false';
  return ['ca_secret', 'caSecret', 'cacert_chain_file', 'cacertChainFile'].some((key) => Boolean(tls[key]));
}
