/** Denials that methods with credentials of our own share. Uniform: nothing tells why a credential is not good. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { AuthVerdict } from './method.ts';

type Denial = { readonly code: string; readonly challenge: string | null; readonly detail: string };

/** No credential of the method was shown. */
export function missing(challenge: string): AuthVerdict {
  const detail = 'This route needs credentials, and the request has none.';
  const answer = new GatewayError(401, 'credentials-missing', detail);
  return { kind: 'deny', isMissing: true, code: answer.code, challenge, answer };
}

/** A credential was shown and is not good. `status` 400 and above. */
export function denied(status: number, { code, challenge, detail }: Denial): AuthVerdict {
  return { kind: 'deny', isMissing: false, code, challenge, answer: new GatewayError(status, code, detail) };
}

export function multiple(): AuthVerdict {
  return denied(400, {
    code: 'credentials-multiple',
    challenge: null,
    detail: 'The request has more than one credential, and they could disagree.',
  });
}

export function tooLarge(): AuthVerdict {
  return denied(431, {
    code: 'credential-too-large',
    challenge: null,
    detail: 'The credential is larger than any that is accepted.',
  });
}

/** `challenge` without parameters of its own after the realm. */
export function insufficientScope(challenge: string, scopes: readonly string[]): AuthVerdict {
  return denied(403, {
    code: 'insufficient-scope',
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
