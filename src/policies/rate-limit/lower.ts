/** Authored `rate-limit` options → compiled limits. */
import type { Json } from '../../model/route-model.ts';
import type { LowerContext, PolicyLowering } from '../contract.ts';
import { parseOptions, reportOption } from '../parse-options.ts';
import type { CompiledLimit, CompiledRateLimit } from './compiled.ts';
import { decodeRateLimit } from './decode.ts';
import { compileGlob } from '../glob.ts';
import { rateLimitOptionsSchema, type RateLimitOption, type RateLimitOptions, type RateLimitUnit } from './options.ts';
import { selectLimits } from './select.ts';

const KNOWN_KEYS = ['scope', 'limits', 'name', 'index', 'pattern', 'rate', 'unit', 'burst'] as const;

const PERIOD_MS: Readonly<Record<RateLimitUnit, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 2_592_000_000,
};

export const rateLimitLowering: PolicyLowering = {
  name: 'rate-limit',
  lower(options, context) {
    const parsed = parseOptions(rateLimitOptionsSchema, options, {
      policy: 'rate-limit',
      knownKeys: KNOWN_KEYS,
      context,
    });
    if (parsed === null) return null;
    const limits = withIdentity(parsed, context);
    if (limits === null) return null;
    return { limits } satisfies CompiledRateLimit satisfies Json;
  },
  explain(json, facts, caller) {
    const config = decodeRateLimit(json);
    const consumer = caller?.consumer ?? null;
    const { selected } = selectLimits(config, { facts, consumer, routeId: '' });
    const note =
      selected.length === 0
        ? 'no limit has a pattern that matches this path'
        : `must be allowed by ${selected.map(({ limit }) => describeLimit(limit)).join(' and ')}, counted per client address`;
    const decides = selected.length === 0 ? false : ('later' as const);
    return {
      input: { path: facts.path, keys: selected.map(({ key }) => (typeof key === 'string' ? key : 'sha256:')) },
      note,
      decides,
    };
  },
};

function describeLimit({ label, limit }: CompiledLimit): string {
  if (limit.algorithm !== 'token-bucket') return label;
  return `${label} (${limit.rate} per ${limit.periodMs / 1_000} s, burst ${limit.burst})`;
}

/** Gives every limit its counter key and its public label; null after reporting two limits with one identity. */
function withIdentity(
  { scope: owner, limits = [] }: RateLimitOptions,
  context: LowerContext,
): readonly CompiledLimit[] | null {
  const scope = owner ?? context.routeId;
  const nextIndex = new Map<string, number>();
  const sameName = Map.groupBy(limits, ({ name }) => name);
  const taken = new Set<string>();
  const compiled: CompiledLimit[] = [];
  for (const [position, limit] of limits.entries()) {
    const index = limit.index ?? nextIndex.get(limit.name) ?? 0;
    nextIndex.set(limit.name, index + 1);
    const keyPrefix = ['rl', scope, limit.name, index].map(encodePart).join('/');
    if (taken.has(keyPrefix)) {
      reportOption(context, 'error', 'rate-limit-duplicate', {
        message: `Two limits are both number ${index} of \`${limit.name}\`, so they would share one counter. The route refuses requests.`,
        at: ['limits', position],
        hint: 'Give each limit a name of its own, or leave `index` out.',
      });
      return null;
    }
    taken.add(keyPrefix);
    reviewPattern(limit, position, context);
    const alone = sameName.get(limit.name)?.length === 1;
    compiled.push(
      compileLimit(limit, keyPrefix, alone ? encodeLabel(limit.name) : `${encodeLabel(limit.name)}.${index}`),
    );
  }
  return compiled;
}

function compileLimit(limit: RateLimitOption, counter: string, label: string): CompiledLimit {
  const { pattern = '*', rate, unit = 'second', burst = rate } = limit;
  const glob = compileGlob(pattern);
  const everything = glob.length > 1 && glob.every((piece) => piece === '');
  return {
    label,
    counter,
    ...(!everything && { pattern: glob }),
    limit: { algorithm: 'token-bucket', rate, periodMs: PERIOD_MS[unit], burst },
  };
}

/** A limit that can never apply protects nothing, and nothing at request time would show it. */
function reviewPattern({ pattern = '*' }: RateLimitOption, position: number, context: LowerContext): void {
  const why = !/^[/*]/.test(pattern)
    ? 'paths begin with `/`'
    : /[?#]/.test(pattern)
      ? 'the query is no part of what is compared, and `?` and `#` stand for themselves'
      : /[^\x21-\x7e]/.test(pattern)
        ? 'a canonical path spells spaces and non-ASCII characters as percent escapes'
        : null;
  if (why === null) return;
  reportOption(context, 'warning', 'rate-limit-pattern-never-matches', {
    message: `The pattern \`${pattern}\` matches no request path (${why}), so this limit never applies.`,
    at: ['limits', position, 'pattern'],
    hint: 'A pattern covers the whole path before rewriting, for example `/backend/*`; `*` also matches `/`.',
  });
}

/** Percent-encoding keeps `/` free as the separator, so that no two identities share a key. */
function encodePart(part: string | number): string {
  return encodeURIComponent(String(part).toWellFormed());
}

/** Structured-field strings (RFC 9651 §3.3.3) hold printable ASCII; escapes are avoided by never needing them. */
function encodeLabel(name: string): string {
  return name.toWellFormed().replaceAll(/[^\x20-\x7e]|["\\%]/gu, (character) => encodeURIComponent(character));
}
