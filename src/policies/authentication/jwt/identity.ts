/** Verified claims → who is calling. */
import type { Consumer } from '../../contract.ts';
import { scopesOf } from './check-claims.ts';
import { memberOf } from './parse-token.ts';
import type { JsonObject } from './strict-json.ts';

/**
 * `sub`; tokens of clients without a user may have `client_id` (RFC 9068) or `azp` alone. A token with
 * none of them has the id `''`: known by its issuer only.
 */
export function consumerOf(claims: JsonObject, planClaim: string | undefined): Consumer {
  const id = textOf(claims, 'sub') ?? textOf(claims, 'client_id') ?? textOf(claims, 'azp') ?? '';
  return {
    id,
    kind: 'jwt',
    issuer: textOf(claims, 'iss'),
    plan: planClaim === undefined ? null : textOf(claims, planClaim),
    scopes: scopesOf(claims),
    claims,
  };
}

function textOf(claims: JsonObject, name: string): string | null {
  const value = memberOf(claims, name);
  return typeof value === 'string' && value !== '' ? value : null;
}
