/** Where a token may stand in a request. */
import type { LowerContext } from '../../contract.ts';
import { reportOption } from '../../parse-options.ts';
import type { CompiledTokenPlaces } from './compiled.ts';
import type { JwtOptions } from './options.ts';

/** null after reporting why not. */
export function lowerPlaces({ token = {}, strip }: JwtOptions, context: LowerContext): CompiledTokenPlaces | null {
  const { authorization = true, header, cookie, query } = token;
  const name = header?.toLowerCase();
  if (!authorization && name === undefined && cookie === undefined && query === undefined) {
    return invalid(
      context,
      [],
      'names no place where a token may stand',
      'Leave `authorization` out, or name another place.',
    );
  }
  if (name === 'authorization' || name === 'cookie') {
    const instead = name === 'cookie' ? 'token.cookie' : 'token.authorization';
    return invalid(
      context,
      ['header'],
      `\`${name}\` is no header whose whole value is a token`,
      `Write \`${instead}\`.`,
    );
  }
  if (query !== undefined) {
    if (strip === true) {
      return invalid(
        context,
        ['query'],
        'a token in the query cannot be taken out again, and `strip` demands it',
        'Send tokens in a header.',
      );
    }
    reportOption(context, 'warning', 'jwt-token-in-query', {
      message: 'Addresses are kept in logs and histories and are sent on in `Referer`, and with them the tokens.',
      at: ['token', 'query'],
      hint: 'Send tokens in `Authorization`.',
    });
  }
  return {
    ...(authorization && { authorization: true as const }),
    ...(name !== undefined && { header: name }),
    ...(cookie !== undefined && { cookie }),
    ...(query !== undefined && { query }),
  };
}

function invalid(context: LowerContext, at: readonly PropertyKey[], what: string, hint: string): null {
  reportOption(context, 'error', 'policy-options-invalid', {
    message: `Policy jwt: ${what}. The route refuses requests, because the policy cannot be applied as written.`,
    at: ['token', ...at],
    hint,
  });
  return null;
}
