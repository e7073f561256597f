/** Whether what the limiter said refuses a request, and the answer then. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Figures } from '../../limits/limit.ts';
import type { PolicyContext, PolicyRuntime } from '../contract.ts';
import type { CountedLimit } from './counted.ts';
import { templatedRefusal } from './templates.ts';

/** Most that is added to a wait, as a share of it and in milliseconds. */
const JITTER_SHARE = 0.1;
const MAX_JITTER_MS = 5_000;

type Refusing = { readonly counted: CountedLimit; readonly figures: Figures };

/** null: all allow it, the shadows aside. What is known to refuse comes before what is not known. */
export function refusalOf(
  counted: readonly CountedLimit[],
  context: PolicyContext,
  runtime: PolicyRuntime,
): GatewayError | Response | null {
  const refusing: Refusing[] = [];
  let closed: string | null = null;
  for (const each of counted) {
    const { verdict, check } = each;
    if (check.shadow === true) continue;
    if ('undecided' in verdict) {
      if (verdict.undecided === 'closed') closed ??= verdict.why;
    } else if (!verdict.allowed) refusing.push({ counted: each, figures: verdict });
  }
  const longest = longestOf(refusing);
  if (longest !== null) return refuse({ counted, refusing, longest }, context, runtime);
  return closed === null ? null : unavailable(closed);
}

/** One that never will let it pass is the longest of all. */
function longestOf(refusing: readonly Refusing[]): Refusing | null {
  let longest: Refusing | null = null;
  for (const each of refusing) {
    if (longest === null || waitOf(each) > waitOf(longest)) longest = each;
  }
  return longest;
}

function waitOf({ figures }: Refusing): number {
  return figures.retryAfterMs ?? Infinity;
}

type Refusal = {
  readonly counted: readonly CountedLimit[];
  readonly refusing: readonly Refusing[];
  readonly longest: Refusing;
};

function refuse(
  { counted, refusing, longest }: Refusal,
  context: PolicyContext,
  runtime: PolicyRuntime,
): GatewayError | Response {
  const { retryAfterMs } = longest.figures;
  const { requestId } = context.facts;
  const headers: Record<string, string> = {};
  if (retryAfterMs !== null) {
    // A place is free whenever somebody's answer ends: nobody waits for a time that all would share.
    const isPlace = longest.counted.check.limit.algorithm === 'concurrency';
    headers['retry-after'] = String(isPlace ? 1 : retryAfterSeconds(retryAfterMs, requestId));
    context.outgoing.expose('Retry-After');
  }
  const detail =
    retryAfterMs === null
      ? 'The request costs more than this route ever lets pass at once.'
      : 'Too many requests; see Retry-After.';
  const templated = templatedRefusal({ by: longest.counted, counted, headers, message: detail }, context, runtime);
  if (templated !== null) return templated;
  const violated = refusing.map(({ counted }) => counted.ready.limit.label);
  const code = retryAfterMs === null ? 'rate-limit-cost-too-high' : 'rate-limited';
  return new GatewayError(429, code, detail, { headers, extensions: { 'violated-policies': violated } });
}

/** null: the address has not shown too many bad credentials, as far as anybody knows. */
export function refusalOfFailures({ ready, verdict }: CountedLimit, context: PolicyContext): GatewayError | null {
  if ('undecided' in verdict) return verdict.undecided === 'closed' ? unavailable(verdict.why) : null;
  if (verdict.allowed) return null;
  context.outgoing.expose('Retry-After');
  const wait = retryAfterSeconds(verdict.retryAfterMs ?? 0, context.facts.requestId);
  return new GatewayError(429, 'too-many-failures', 'Too many refused credentials; see Retry-After.', {
    headers: { 'retry-after': String(wait) },
    extensions: { 'violated-policies': [ready.limit.label] },
  });
}

function unavailable(cause: string): GatewayError {
  return new GatewayError(503, 'rate-limit-unavailable', 'The rate limit could not be checked.', { cause });
}

/**
 * Whole seconds, never before the time; up to a tenth of the wait and at most 5 s are added, so that all
 * who were refused in one window do not come back in the same second. The same for the same request.
 */
function retryAfterSeconds(waitMs: number, requestId: string): number {
  const jitterMs = Math.min(waitMs * JITTER_SHARE, MAX_JITTER_MS) * fractionOf(requestId);
  return Math.max(1, Math.ceil((waitMs + jitterMs) / 1_000));
}

/** In [0, 1): FNV-1a over the UTF-16 units, which spreads random ids evenly enough. */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
