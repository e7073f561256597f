/** Authored form of the authentication method `jwt`: signed tokens (RFC 7519, JWS compact form) of known issuers. */
import * as z from 'zod';
import type { Json } from '../../../model/route-model.ts';
import { keysOptionsShape, type KeysOptions } from './keys/keys-options.ts';

/** `jwksURI`, `discovery`, `jwks` or `secret` says which keys verify a token; see keys/keys-options.ts. */
export type JwtOptions = KeysOptions & {
  /** Accepted `iss`, compared exactly; a list: one of them. `any` (the word alone, no list): not compared. */
  readonly issuer: string | readonly string[];
  /** Accepted `aud`, compared exactly; see `audienceMatch` for a list. `any` (the word alone, no list): not compared. */
  readonly audience: string | readonly string[];
  /** Of a list of audiences the token must name `any` one (default) or `all`. */
  readonly audienceMatch?: 'any' | 'all' | undefined;
  /**
   * Claims of these that a token may lack; when there, they are checked all the same. Default none: `exp`
   * is required, and so are `iss` and `aud` unless `any` is written.
   */
  readonly mayLack?: readonly ('exp' | 'iss' | 'aud')[] | undefined;
  /** Further claims: `true` demands that it is there, anything else that it has exactly this value. */
  readonly requiredClaims?: { readonly [claim: string]: Json } | undefined;
  /**
   * The header's `alg` must be one of them, and one of the key's. Default RS256, ES256, EdDSA, Ed25519; with
   * `secret` its `algorithm`, and nothing else then.
   */
  readonly algorithms?: readonly string[] | undefined;
  /** By how much clocks may differ, for all three or for each. Default 60,000; where an object names only some, 0 for the others. */
  readonly leewayMs?:
    | number
    | {
        readonly exp?: number | undefined;
        readonly nbf?: number | undefined;
        readonly iat?: number | undefined;
      }
    | undefined;
  /** All of them must be granted, in `scope` (text or list) or `scp`; else 403. */
  readonly scopes?: readonly string[] | undefined;
  /** Accepted `typ` of the header, case and `application/` ignored; the header must then have one. */
  readonly typ?: string | readonly string[] | undefined;
  /** Refuses ID tokens, which are no access tokens: those with `nonce`, `at_hash` or `c_hash`. Default false. */
  readonly refuseIdTokens?: boolean | undefined;
  /** Where a token may stand. Default: `authorization` alone. More than one credential is 400. */
  readonly token?:
    | {
        /** `Authorization: Bearer`. Default true. */
        readonly authorization?: boolean | undefined;
        /** Name of a header whose whole value is the token. */
        readonly header?: string | undefined;
        readonly cookie?: string | undefined;
        /** Name of a query parameter. Addresses end up in logs and histories: prefer a header. */
        readonly query?: string | undefined;
      }
    | undefined;
  /** Claim whose text names the consumer's plan. */
  readonly planClaim?: string | undefined;
  /** Takes the token from what the upstream gets. Default false. Not for a token in the query. */
  readonly strip?: boolean | undefined;
  /** Named in `WWW-Authenticate`. Default `api`. */
  readonly realm?: string | undefined;
  /** Written to the request; what the client sent under these names never passes. Values are Go templates. */
  readonly injectRequestHeaders?: readonly JwtHeaderOption[] | undefined;
  /** Answer instead of a problem document, for 4xx of this method. */
  readonly errorResponse?:
    | {
        /** At most 16; values are Go templates. Default: `Content-Type: application/json` alone. */
        readonly headers?: readonly JwtHeaderOption[] | undefined;
        /** Go template. Default `{{ . | json "" }}`. */
        readonly bodyTemplate?: string | undefined;
      }
    | undefined;
  /** Refusing tokens seen before. Not built: the route refuses. */
  readonly jti?: unknown;
  /** Tokens bound to a key of the client (DPoP, mutual TLS). Not built: the route refuses. */
  readonly cnf?: unknown;
  /** Asking the issuer about opaque tokens. Not built: the route refuses. */
  readonly introspection?: unknown;
};

export type JwtHeaderOption = { readonly name: string; readonly value: string };

const text = z.string().min(1, 'must not be empty').max(2_048);
/** RFC 9110 §5.6.2. */
const token = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be a name of letters, digits and hyphens');
/** RFC 6749 §3.3. */
const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be visible ASCII without space, quote and backslash');
const oneOrMore = z.union([text, z.array(text).min(1, 'needs at least one value').max(64)]);
const milliseconds = z.int().min(0).max(31_536_000_000);
const template = z.string().max(16_384);
const header: z.ZodType<JwtHeaderOption> = z.strictObject({ name: token, value: template });
const json: z.ZodType<Json> = z.json();

const jwtOptionsShape = {
  ...keysOptionsShape,
  issuer: oneOrMore,
  audience: oneOrMore,
  audienceMatch: z.enum(['any', 'all']).optional(),
  mayLack: z.array(z.enum(['exp', 'iss', 'aud'])).optional(),
  requiredClaims: z.record(z.string().min(1), json).optional(),
  algorithms: z.array(text).min(1, 'needs at least one algorithm').max(32).optional(),
  leewayMs: z
    .union([
      milliseconds,
      z.strictObject({ exp: milliseconds.optional(), nbf: milliseconds.optional(), iat: milliseconds.optional() }),
    ])
    .optional(),
  scopes: z.array(scope).max(64).optional(),
  typ: oneOrMore.optional(),
  refuseIdTokens: z.boolean().optional(),
  token: z
    .strictObject({
      authorization: z.boolean().optional(),
      header: token.optional(),
      cookie: token.optional(),
      query: z
        .string()
        .regex(/^[A-Za-z0-9_.-]{1,128}$/, 'must be letters, digits, dot, hyphen, underscore')
        .optional(),
    })
    .optional(),
  planClaim: text.optional(),
  strip: z.boolean().optional(),
  // What a quoted string of RFC 9110 holds without escapes.
  realm: z
    .string()
    .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,256}$/, 'must be printable ASCII without quote and backslash')
    .optional(),
  injectRequestHeaders: z.array(header).max(64).optional(),
  errorResponse: z
    .strictObject({ headers: z.array(header).max(16).optional(), bodyTemplate: template.optional() })
    .optional(),
  jti: z.unknown().optional(),
  cnf: z.unknown().optional(),
  introspection: z.unknown().optional(),
} as const;

const NESTED_NAMES = ['authorization', 'header', 'cookie', 'query', 'headers', 'bodyTemplate', 'name', 'value'];

export const jwtOptionsSchema: z.ZodType<JwtOptions> = z.strictObject(jwtOptionsShape);

/** For hints about misspelt options. */
export const JWT_OPTION_NAMES: readonly string[] = [...Object.keys(jwtOptionsShape), ...NESTED_NAMES];
