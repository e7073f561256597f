/** What a client gets of a method that said no. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { OutgoingHeaders } from '../contract.ts';
import type { AuthVerdict } from './method.ts';

const codes = new WeakMap<Response, string>();

/** Why this answer was given, when a method wrote it itself; null: it is no such answer. */
export function denialCode(answer: Response): string | null {
  return codes.get(answer) ?? null;
}

/** With the challenge that a 401 must have (RFC 9110 §11.6.1); a Response has its own. */
export function denialAnswer({
  answer,
  challenge,
  code: why,
}: Pick<Extract<AuthVerdict, { kind: 'deny' }>, 'answer' | 'challenge' | 'code'>): GatewayError | Response {
  if (answer instanceof Response) codes.set(answer, why);
  if (answer instanceof Response || challenge === null) return answer;
  const { status, code, message, options } = answer;
  if (options.headers?.['www-authenticate'] !== undefined) return answer;
  return new GatewayError(status, code, message, {
    ...options,
    headers: { ...options.headers, 'www-authenticate': challenge },
  });
}

/** Refuses a request with the answer of its denial, of which scripts may read why, should CORS let their origin in. */
export function refuseWith(answer: GatewayError | Response, outgoing: OutgoingHeaders): Response {
  outgoing.expose('WWW-Authenticate');
  outgoing.expose('Retry-After');
  if (answer instanceof Response) return answer;
  throw answer;
}

/**
 * Whether this is the refusal of a credential, for limits on guessing. A caller who is known and may not
 * (`insufficient-scope`), or is sent elsewhere to log in, has guessed nothing.
 */
export function refusesCredential(
  { isMissing, isOpaque, code, answer }: Extract<AuthVerdict, { kind: 'deny' }>,
  headers: Headers,
): boolean {
  if (isMissing || code === 'insufficient-scope' || answer.status < 400 || answer.status >= 500) return false;
  return isOpaque !== true || headers.has('authorization') || headers.has('cookie');
}
