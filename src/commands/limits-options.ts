/** Options of `limits`: which of them each action takes, and the limit that they describe. */
import { UserError } from '../diagnostics/errors.ts';
import { countFindings, type Finding } from '../diagnostics/finding.ts';
import { renderFindings } from '../diagnostics/render.ts';
import { FIELDS } from '../access-log/json-line.ts';
import type { CompiledRateLimit } from '../policies/rate-limit/compiled.ts';
import { decodeRateLimit } from '../policies/rate-limit/decode.ts';
import { rateLimitLowering } from '../policies/rate-limit/lower.ts';
import type { RateLimitKeyPart, RateLimitOption } from '../policies/rate-limit/options.ts';
import type { Json } from '../model/route-model.ts';
import { EXIT_USAGE, type OptionValues } from './command.ts';
import { usageError } from './parse-arguments.ts';

export const LIMITS_OPTIONS = {
  rate: { type: 'string', value: 'N', help: 'requests per unit, or at a time' },
  unit: {
    type: 'string',
    value: 'UNIT',
    choices: ['second', 'minute', 'hour', 'day', 'month'],
    help: 'second, minute, hour, day or month; none for concurrency',
  },
  algorithm: {
    type: 'string',
    value: 'NAME',
    choices: ['token-bucket', 'fixed-window', 'sliding-window', 'calendar', 'concurrency'],
    help: 'token-bucket (default), fixed-window, sliding-window, calendar or concurrency',
  },
  burst: { type: 'string', value: 'N', help: 'of a token bucket: what may come at once; default the rate' },
  zone: { type: 'string', value: 'NAME', help: 'of calendar: time zone; default UTC' },
  key: {
    type: 'string',
    multiple: true,
    value: 'PART',
    help: 'whom it counts: address, consumer, api-key, country, method, route, authority, path, header:NAME, cookie:NAME, query:NAME, claim:PATH or constant:TEXT; default address',
  },
  missing: {
    type: 'string',
    value: 'WHAT',
    choices: ['address', 'skip', 'refuse'],
    help: 'what an absent part of the key becomes: address (default), skip or refuse',
  },
  pattern: { type: 'string', value: 'GLOB', help: 'paths that it concerns, for example /api/*; default all' },
  limit: { type: 'string', value: 'JSON', help: 'a limit, or a list, as in routes.config.ts; in place of all above' },
  field: {
    type: 'string',
    multiple: true,
    value: 'NAME=PATH',
    help: `of JSON lines: where they say ${Object.keys(FIELDS).join(', ')}, header:NAME or claim:PATH`,
  },
  'trusted-hops': { type: 'string', value: 'N', help: 'in a list of addresses the client is this far from the end' },
  top: { type: 'string', value: 'N', help: 'keys to show; default 10' },
  'by-hour': { type: 'boolean', help: 'requests and refusals of each hour' },
  to: { type: 'string', value: 'PLACE', help: 'show, reset: dir:PATH, state folder of serve; or local: dev' },
  state: { type: 'string', value: 'DIR', help: 'with --to local: state of the development server' },
} as const;
export type LimitsOptions = OptionValues<typeof LIMITS_OPTIONS>;

const ACTIONS = ['plan', 'show', 'reset'] as const;
export type LimitsAction = (typeof ACTIONS)[number];

/** Of show and reset, which take no other. */
const COUNTER_OPTIONS: readonly string[] = ['to', 'state'];
/** What --limit says in full. */
const WORDS = ['rate', 'unit', 'algorithm', 'burst', 'zone', 'key', 'missing', 'pattern'] as const;
const PLAIN_PARTS = ['address', 'consumer', 'api-key', 'country', 'method', 'route', 'authority', 'path'] as const;
/** Parts of a key that have a name, which stands after a colon. */
const NAMED_PARTS: Readonly<Record<string, (name: string) => RateLimitKeyPart>> = {
  header: (header) => ({ header }),
  cookie: (cookie) => ({ cookie }),
  query: (query) => ({ query }),
  claim: (claim) => ({ claim }),
  constant: (constant) => ({ constant }),
};

export function parseLimitsAction(text: string | undefined, options: LimitsOptions): LimitsAction {
  const action = ACTIONS.find((name) => name === text);
  if (action === undefined) throw usageError('limits', `Say what to do: ${ACTIONS.join(', ')}; got "${text ?? ''}".`);
  const taken =
    action === 'plan' ? Object.keys(LIMITS_OPTIONS).filter((name) => !COUNTER_OPTIONS.includes(name)) : COUNTER_OPTIONS;
  const foreign = Object.keys(options).find((name) => ![...taken, 'json'].includes(name));
  if (foreign !== undefined) throw usageError('limits', `\`limits ${action}\` takes no --${foreign}.`);
  return action;
}

export type Proposed = {
  readonly config: CompiledRateLimit;
  /** What `check` would say of these limits: no errors. */
  readonly findings: readonly Finding[];
};

/**
 * The limits of the options as the gateway would have them.
 *
 * @throws UserError for what `routes.config.ts` would not take either
 */
export function proposedLimits(options: LimitsOptions): Proposed {
  const limits = options.limit === undefined ? [limitOfWords(options)] : limitsOfJson(options.limit, options);
  const findings: Finding[] = [];
  const lowered = rateLimitLowering.lower(
    { limits },
    {
      routeId: 'plan',
      source: { kind: 'limit', namespace: null, name: 'plan', file: null, line: null, path: null },
      report: (found) => findings.push(found),
      target: 'self-hosted',
      trustedHops: 0,
      upstream: () => ({ code: 'policy-invalid', message: 'A limit asks no service.', hint: null }),
      regex: () => ({ code: 'policy-invalid', message: 'A limit has no regex.', hint: null }),
    },
  );
  if (lowered === null || countFindings(findings).error > 0)
    throw new UserError(`this is no limit that a route could have\n${renderFindings(findings)}`, EXIT_USAGE);
  return { config: decodeRateLimit(lowered), findings };
}

function limitOfWords(options: LimitsOptions): RateLimitOption {
  const { rate, burst, key, algorithm, unit, zone, missing, pattern } = options;
  if (rate === undefined || (unit === undefined && algorithm !== 'concurrency'))
    throw usageError('limits', 'Say which limit to plan: --rate N --unit UNIT, or --limit JSON.');
  return {
    name: 'plan',
    rate: wholeNumber(rate, '--rate'),
    ...(algorithm !== undefined && { algorithm }),
    ...(unit !== undefined && { unit }),
    ...(burst !== undefined && { burst: wholeNumber(burst, '--burst') }),
    ...(zone !== undefined && { zone }),
    ...(key !== undefined && { key: key.map(parseKeyPart) }),
    ...(missing !== undefined && { missing }),
    ...(pattern !== undefined && { pattern }),
  };
}

function limitsOfJson(text: string, options: LimitsOptions): readonly Json[] {
  const both = WORDS.find((name) => options[name] !== undefined);
  if (both !== undefined)
    throw usageError('limits', `--limit says all of the limit; --${both} has no place beside it.`);
  const parsed = parseJson(text);
  if (typeof parsed !== 'object' || parsed === null)
    throw usageError('limits', '--limit must be a limit as JSON, for example {"rate":50,"unit":"hour"}.');
  const limits: readonly Json[] = Array.isArray(parsed) ? parsed : [parsed];
  return limits.map((limit, index) => planned(limit, limits.length === 1 ? 'plan' : `plan-${index + 1}`));
}

/** When it is asked, how exactly and whether it only counts make no difference to a plan. */
const WITHOUT_EFFECT = new Set(['when', 'mode', 'shadow']);

function planned(limit: Json, name: string): Json {
  if (typeof limit !== 'object' || limit === null || Array.isArray(limit)) return limit;
  const entries: [string, Json][] = [['name', name], ...Object.entries(limit)];
  return Object.fromEntries(entries.filter(([key]) => !WITHOUT_EFFECT.has(key)));
}

function parseJson(text: string): Json | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON.parse gives nothing else
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function parseKeyPart(text: string): RateLimitKeyPart {
  const plain = PLAIN_PARTS.find((part) => part === text);
  if (plain !== undefined) return plain;
  const colon = text.indexOf(':');
  const name = text.slice(colon + 1);
  const named = name === '' ? undefined : NAMED_PARTS[text.slice(0, Math.max(0, colon))];
  if (named !== undefined) return named(name);
  const known = [...PLAIN_PARTS, ...Object.keys(NAMED_PARTS).map((part) => `${part}:NAME`)];
  throw usageError('limits', `--key must be one of ${known.join(', ')}; got "${text}".`);
}

export function parseFields(pairs: readonly string[] = []): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, equals));
    const path = pair.slice(equals + 1);
    const isOther = /^(?:header|claim):./.test(name);
    if ((!Object.hasOwn(FIELDS, name) && !isOther) || path === '')
      throw usageError(
        'limits',
        `--field must be NAME=PATH with one of ${Object.keys(FIELDS).join(', ')}, header:NAME, claim:PATH; got "${pair}".`,
      );
    fields.set(name.startsWith('header:') ? name.toLowerCase() : name, path);
  }
  return fields;
}

export function wholeNumber(text: string, option: string, least = 1): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least) return value;
  throw usageError('limits', `${option} must be a whole number from ${least}; got "${text}".`);
}
