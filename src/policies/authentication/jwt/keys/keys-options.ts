/** Authored form of where the keys of the `jwt` method come from. */
import * as z from 'zod';
import type { Json } from '../../../../model/route-model.ts';

export type HmacAlgorithm = 'HS256' | 'HS384' | 'HS512';

/** Exactly one of `jwksURI`, `discovery`, `jwks` and `secret`. */
export type KeysOptions = {
  /** http or https URL of a JWK set. The operator wrote it, so that it may be private; `http` gets a warning. */
  readonly jwksURI?: string | undefined;
  /** OpenID Connect: the issuer's `/.well-known/openid-configuration` names the set. */
  readonly discovery?: true | undefined;
  /** The set itself, public keys only. */
  readonly jwks?: { readonly keys: readonly Json[] } | undefined;
  /** The one way to a symmetric key: the name of a secret of the process. */
  readonly secret?: { readonly env: string } | undefined;
  /** With `secret`, and then required. */
  readonly algorithm?: HmacAlgorithm | undefined;
  /**
   * With `jwksURI` or `discovery`: for how long the last good set verifies while the provider cannot be
   * asked. 10 minutes to 365 days, default 24 hours.
   */
  readonly maxStaleMs?: number | undefined;
  /** Always refused: whoever is in between could exchange the keys. Here so that it is refused by its name. */
  readonly insecureTLS?: boolean | undefined;
};

export const DEFAULT_MAX_STALE_MS = 86_400_000;
/** A set is not renewed more often than this, so a shorter bound would refuse tokens of a healthy provider. */
const MIN_MAX_STALE_MS = 600_000;
const LONGEST_MAX_STALE_MS = 365 * 86_400_000;

const jsonSchema: z.ZodType<Json> = z.json();

/** For options that hold these fields among others. */
export const keysOptionsShape = {
  jwksURI: z.string().min(1, 'must not be empty').max(2_048).optional(),
  discovery: z.literal(true).optional(),
  jwks: z.object({ keys: z.array(jsonSchema).min(1, 'needs at least one key').max(100) }).optional(),
  secret: z
    .strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of a variable') })
    .optional(),
  algorithm: z.enum(['HS256', 'HS384', 'HS512']).optional(),
  maxStaleMs: z.int().min(MIN_MAX_STALE_MS).max(LONGEST_MAX_STALE_MS).optional(),
  insecureTLS: z.boolean().optional(),
} as const;

export const keysOptionsSchema: z.ZodType<KeysOptions> = z.strictObject(keysOptionsShape);
