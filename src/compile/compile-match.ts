/**
 * Matches of a route. A regex that cannot be used never widens or drops a match in silence:
 *
 * - larger than the limit: the match holds as written and its route refuses;
 * - unreadable, in a header or a parameter: the match holds with the mere presence of that name, which
 *   every request the author meant has, and its route refuses;
 * - unreadable, in the path, the method or the hostname: nothing says which requests were meant, so
 *   the match is absent and the error says so. Guessing would take requests away from other routes.
 */
import type { RegexModel, RouteMatch, ValueMatch } from '../model/route-model.ts';
import type {
  CompiledHostname,
  CompiledMatch,
  CompiledPath,
  CompiledRegex,
  CompiledValueMatch,
} from '../program/route-program.ts';
import { reportAt, type RouteContext } from './compile-context.ts';

export type CompiledMatchResult = {
  readonly hostname: CompiledHostname;
  readonly match: CompiledMatch;
  /** The match holds, but the route must refuse the requests it selects. */
  readonly broken: boolean;
};

/** null: absent, and reported. */
export function compileMatch(model: RouteMatch, context: RouteContext): CompiledMatchResult | null {
  const uses = new RegexUses(context);
  const hostname = compileHostname(model, uses);
  const path = compilePath(model, uses);
  const method =
    model.method === null || typeof model.method === 'string'
      ? model.method
      : uses.needed(model.method.regex, 'method');
  const headers = model.headers.map((test) => compileValue(test, 'header', uses));
  const query = model.query.map((test) => compileValue(test, 'parameter', uses));
  if (uses.lost || path === null || hostname === undefined) return null;
  return {
    hostname,
    broken: uses.broken,
    match: {
      rank: model.rank,
      path,
      ...(method === null ? {} : { method }),
      ...(headers.length === 0 ? {} : { headers }),
      ...(query.length === 0 ? {} : { query }),
    },
  };
}

class RegexUses {
  broken = false;
  lost = false;
  readonly #context: RouteContext;

  constructor(context: RouteContext) {
    this.#context = context;
  }

  /** A regex without which the match means nothing. */
  needed(model: RegexModel, what: string): CompiledRegex | null {
    const regex = this.#compile(model, `the ${what}`, 'absent: its requests go to other routes');
    if (regex === null) this.lost = true;
    return regex;
  }

  /** A regex that the presence of its name can stand in for. */
  orPresence(model: RegexModel, what: string): CompiledRegex | null {
    return this.#compile(model, what, 'refused');
  }

  #compile(model: RegexModel, what: string, without: string): CompiledRegex | null {
    const result = this.#context.regex(model, true);
    if ('regex' in result) return result.regex;
    this.broken = true;
    const outcome = result.oversized === null ? without : 'refused';
    reportAt(
      this.#context,
      'error',
      {
        code: 'regex-invalid',
        message: `The regex \`${model.pattern}\` for ${what} cannot be used: ${result.error}. The match is ${outcome}.`,
        hint: 'Write it in RE2 syntax: no look-around and no back-references.',
      },
      model.at,
    );
    return result.oversized;
  }
}

/** undefined: unusable. */
function compileHostname({ hostname }: RouteMatch, uses: RegexUses): CompiledHostname | undefined {
  if (hostname === null || typeof hostname === 'string') return hostname;
  const regex = uses.needed(hostname.regex, 'hostname');
  return regex === null ? undefined : { regex };
}

function compilePath({ path }: RouteMatch, uses: RegexUses): CompiledPath | null {
  if (path.kind !== 'regex') {
    return { kind: path.kind, value: path.value, ...(path.caseSensitive ? {} : { ignoreCase: true }) };
  }
  const { value, ...limits } = path;
  const regex = uses.needed({ pattern: value, ...limits }, 'path');
  return regex === null ? null : { kind: 'regex', regex };
}

function compileValue({ name, test }: ValueMatch, what: string, uses: RegexUses): CompiledValueMatch {
  if (test.kind === 'present') return { name };
  if (test.kind === 'exact') return { name, value: test.value };
  const regex = uses.orPresence(test.regex, `the ${what} ${name}`);
  return regex === null ? { name } : { name, regex };
}
