/** Why there are no keys. `code` and status go to the client, `reason` to the log only. */
import { GatewayError } from '../../../../diagnostics/errors.ts';

export type KeySetErrorCode = 'jwks-unavailable' | 'jwks-uri-not-public' | 'jwks-network-missing';

const DETAILS: Readonly<Record<KeySetErrorCode, string>> = {
  'jwks-unavailable': 'The keys that tokens are verified with cannot be had at the moment.',
  'jwks-uri-not-public':
    'The identity provider names a key set that is not at a public https address; it must be configured as `jwksURI`.',
  'jwks-network-missing':
    'The identity provider names a key set on another host, and this gateway has no way to public addresses; it must be configured as `jwksURI`.',
};

/** One failed attempt to get a set. */
export class KeySetError extends Error {
  override readonly name = 'KeySetError';
  readonly code: KeySetErrorCode;
  /** Stable kebab-case, without anything a provider wrote. */
  readonly reason: string;

  constructor(reason: string, code: KeySetErrorCode = 'jwks-unavailable', cause?: unknown) {
    super(reason, { cause });
    this.code = code;
    this.reason = reason;
  }
}

/** Never 401, which would tell the client that its token is bad; and never a pass. */
export function keysUnavailable(code: KeySetErrorCode, retryAfterMs: number, cause?: unknown): GatewayError {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return new GatewayError(503, code, DETAILS[code], { headers: { 'retry-after': String(seconds) }, cause });
}
