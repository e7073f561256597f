/** Which signature algorithms a token may name. */
import type { LowerContext } from '../../contract.ts';
import { nearest } from '../../../diagnostics/nearest.ts';
import { reportOption } from '../../parse-options.ts';
import type { JwtOptions } from './options.ts';

/** Others must be listed: a token's `PS256` is no `RS256`, although the same key can make both. */
const DEFAULT_ALGORITHMS: readonly string[] = ['RS256', 'ES256', 'EdDSA', 'Ed25519'];
const ASYMMETRIC: readonly string[] = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');
const SYMMETRIC: readonly string[] = ['HS256', 'HS384', 'HS512'];
const KNOWN = [...ASYMMETRIC, ...SYMMETRIC];
const REFUSES = 'The route refuses requests.';

/** null after reporting why not. */
export function lowerAlgorithms(options: JwtOptions, context: LowerContext): readonly string[] | null {
  const { algorithms, secret, algorithm } = options;
  const given = [...new Set(algorithms ?? (secret === undefined ? DEFAULT_ALGORITHMS : [algorithm ?? 'HS256']))];
  const unknown = given.filter((name) => !KNOWN.includes(name));
  for (const name of unknown) reportUnknown(name, given.indexOf(name), context);
  if (unknown.length > 0) return null;
  const usable = given.filter((name) => (secret === undefined ? ASYMMETRIC.includes(name) : name === algorithm));
  if (usable.length === given.length) return usable;
  const unusable = given.filter((name) => !usable.includes(name)).join(', ');
  if (usable.length > 0) {
    reportOption(context, 'warning', 'jwt-algorithm-unusable', {
      message: `No key of this route can be used with ${unusable}, so tokens signed with it are refused. ${WHY}`,
      at: ['algorithms'],
      hint: 'Remove it from the list.',
    });
    return usable;
  }
  // A secret without its algorithm is reported with the keys.
  if (secret !== undefined && algorithm === undefined) return null;
  reportOption(context, 'error', 'jwt-algorithm-unusable', {
    message: `No key of this route can be used with ${unusable}, so that no token could be accepted. ${WHY} ${REFUSES}`,
    at: ['algorithms'],
    hint: "A symmetric key is written as `secret: env('NAME')` with its `algorithm`; other keys need RS, PS, ES or EdDSA.",
  });
  return null;
}

const WHY = 'HS algorithms go with `secret` alone: a public key must never be taken for a shared one.';

function reportUnknown(name: string, index: number, context: LowerContext): void {
  if (name.toLowerCase() === 'none') {
    reportOption(context, 'error', 'jwt-algorithm-none', {
      message: `The algorithm \`${name}\` accepts tokens that nobody signed: whoever sends a request writes them. ${REFUSES}`,
      at: ['algorithms', index],
      hint: 'Remove it and name the algorithms of your provider.',
    });
    return;
  }
  const near = nearest(name, KNOWN);
  reportOption(context, 'error', 'jwt-algorithm-unknown', {
    message: `There is no signature algorithm \`${name}\`. ${REFUSES}`,
    at: ['algorithms', index],
    hint: near === null ? `Known algorithms: ${KNOWN.join(', ')}.` : `Did you mean \`${near}\`?`,
  });
}
