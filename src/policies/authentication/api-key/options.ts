/** Authored form of the method `api-key`: a key that names its consumer, kept as a hash in the namespace KEYS. */
import * as z from 'zod';
import { headerName, realmText } from '../option-texts.ts';

export type KeyEnvironment = 'live' | 'test';

export type ApiKeyOptions = IssuedKeyOptions | SecretSetOptions;

/** Keys that `portolan keys create` made: `pt_live_…`. */
export type IssuedKeyOptions = {
  /** Default `issued`. */
  readonly kind?: 'issued' | undefined;
  /**
   * Request header that holds the key and nothing else. Default `x-api-key`. `Authorization: ApiKey KEY`
   * is always understood beside it, because the challenge names that scheme (RFC 9110, section 11.6.1).
   */
  readonly header?: string | undefined;
  /**
   * Query parameter that may hold the key in place of a header. Absent: the query is never looked at,
   * because URLs end up in logs, histories and `Referer`.
   */
  readonly query?: string | undefined;
  /** Keys of other environments are refused as unknown ones are. Default `['live']`. */
  readonly environments?: readonly KeyEnvironment[] | undefined;
  /** The upstream gets the key too. Default false: it is taken out of what goes on. */
  readonly forward?: boolean | undefined;
  /** Named in the challenge. Default `api`. */
  readonly realm?: string | undefined;
};

/** Keys that lie in Kubernetes Secrets: every value of a Secret's data is one key, as in AES `APIKey` Filters. */
export type SecretSetOptions = {
  readonly kind: 'secret-set';
  /** `namespace/name` of the Secrets whose keys are accepted; `cluster/namespace/name` of a cluster with a name. */
  readonly sets: readonly string[];
  /** Default `x-api-key`. */
  readonly header?: string | undefined;
  /** Default false. AES forwards the key: the translator writes true. */
  readonly forward?: boolean | undefined;
  readonly realm?: string | undefined;
};

/** Name of a cluster and `/`, if need be; Kubernetes names: RFC 1123 label, `/`, RFC 1123 subdomain. */
const SECRET_SET =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\/)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

const issuedSchema: z.ZodType<IssuedKeyOptions> = z.strictObject({
  kind: z.literal('issued').optional(),
  header: headerName.optional(),
  query: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ . -')
    .optional(),
  environments: z
    .array(z.enum(['live', 'test']))
    .min(1, 'needs at least one environment, `live` or `test`')
    .optional(),
  forward: z.boolean().optional(),
  realm: realmText.optional(),
});

const secretSetSchema: z.ZodType<SecretSetOptions> = z.strictObject({
  kind: z.literal('secret-set'),
  sets: z
    .array(z.string().regex(SECRET_SET, 'must be namespace/name of a Secret, or cluster/namespace/name'))
    .min(1, 'needs at least one Secret')
    .max(100),
  header: headerName.optional(),
  forward: z.boolean().optional(),
  realm: realmText.optional(),
});

export const apiKeyOptionsSchema: z.ZodType<ApiKeyOptions> = z.union([issuedSchema, secretSetSchema]);

/** Of the form that was written; a union's own problems would name both forms at once. */
export function apiKeySchemaFor(options: unknown): z.ZodType<ApiKeyOptions> {
  const isSet = typeof options === 'object' && options !== null && 'kind' in options && options.kind === 'secret-set';
  return isSet ? secretSetSchema : issuedSchema;
}
