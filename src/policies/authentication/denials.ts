/** Denials that methods with credentials of our own share. Uniform: nothing tells why a credential is not good. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { AuthVerdict } from './method.ts';

type Denial = { readonly challenge: string | null; readonly detail: string };

/** No credential of the method was shown. */
export function missing(challenge: string): AuthVerdict {
  const detail = 'This route needs credentials, and the request has none.';
  const answer = new GatewayError(401, 'credentials-missing', detail, { headers: { 'www-authenticate': challenge } });
  return { kind: 'deny', isMissing: true, code: answer.code, challenge, answer };
}

/** A credential was shown and is not good. `status` 400 and above. */
export function denied(status: number, code: string, { challenge, detail }: Denial): AuthVerdict {
  const headers: Record<string, string> = challenge === null ? {} : { 'www-authenticate': challenge };
  return {
    kind: 'deny',
    isMissing: false,
    code,
    challenge,
    answer: new GatewayError(status, code, detail, { headers }),
  };
}

export function multiple(): AuthVerdict {
  return denied(400, 'credentials-multiple', {
    challenge: null,
    detail: 'The request has more than one credential, and they could disagree.',
  });
}

export function tooLarge(): AuthVerdict {
  return denied(431, 'credential-too-large', {
    challenge: null,
    detail: 'The credential is larger than any that is accepted.',
  });
}

/** `challenge` without parameters of its own after the realm. */
export function insufficientScope(challenge: string, scopes: readonly string[]): AuthVerdict {
  return denied(403, 'insufficient-scope', {
    challenge: `${challenge}, error="insufficient_scope", scope="${scopes.join(' ')}"`,
    detail: 'The credential is good, but does not grant what this route needs.',
  });
}

export function keysUnavailable(cause: unknown): GatewayError {
  return new GatewayError(503, 'keys-unavailable', 'The credential could not be checked.', {
    headers: { 'retry-after': '2' },
    cause,
  });
}
