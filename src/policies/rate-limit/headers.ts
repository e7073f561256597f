/** Fields that tell clients what is left, on passed and refused requests alike. */
import type { Figures, Limit } from '../../limits/limit.ts';
import { largestCost } from '../../limits/limit.ts';
import type { OutgoingHeaders, PolicyContext } from '../contract.ts';
import type { CompiledLimit, HeaderStyle } from './compiled.ts';
import { countingOf, type CountedLimit } from './counted.ts';

type Told = { readonly limit: Limit; readonly figures: Figures };

/** Shadows are nobody's business outside. Limits that could not be asked say nothing. */
export function writeHeaders(counted: readonly CountedLimit[], style: HeaderStyle, context: PolicyContext): void {
  if (style === 'draft') writeDraft(counted, context.outgoing);
  else if (style !== 'none') {
    const told = counted.flatMap(({ check, verdict }): Told[] =>
      'undecided' in verdict || check.shadow === true ? [] : [{ limit: check.limit, figures: verdict }],
    );
    // The policy before authentication has told of one too, and these styles know one: the nearest of all.
    const counting = countingOf(context);
    if (counting.told !== null) told.unshift(counting.told);
    counting.told = told.toSorted(byExhaustion)[0] ?? null;
    if (counting.told !== null) writeNearest(counting.told, style, context.outgoing);
  }
}

/** draft-ietf-httpapi-ratelimit-headers-11. Added, not set: an upstream may have limits of its own, and both are true. */
function writeDraft(counted: readonly CountedLimit[], outgoing: OutgoingHeaders): void {
  let isFirst = true;
  for (const { ready, check, verdict } of counted) {
    if ('undecided' in verdict || check.shadow === true) continue;
    outgoing.add('ratelimit-policy', ready.draftPolicy);
    outgoing.add('ratelimit', `"${ready.limit.label}";r=${verdict.remaining};t=${seconds(verdict.resetMs)}`);
    if (isFirst) {
      outgoing.expose('RateLimit-Policy');
      outgoing.expose('RateLimit');
    }
    isFirst = false;
  }
}

/** §3.1: `w` may be left out, as a month and a number of places have no length. */
export function draftPolicy({ label, limit }: Pick<CompiledLimit, 'label' | 'limit'>): string {
  const quota = `"${label}";q=${limit.rate}`;
  if (limit.algorithm === 'concurrency') return `${quota};qu="concurrent-requests"`;
  const length = windowSeconds(limit);
  return length === null ? quota : `${quota};w=${length}`;
}

/** In place of an upstream's: these styles cannot tell of two. */
function writeNearest({ limit, figures }: Told, style: 'draft-7' | 'x-ratelimit', outgoing: OutgoingHeaders): void {
  const [most, remaining, reset] = [largestCost(limit), figures.remaining, seconds(figures.resetMs)];
  if (style === 'draft-7') {
    outgoing.set('ratelimit', `limit=${most}, remaining=${remaining}, reset=${reset}`);
    const length = windowSeconds(limit);
    outgoing.set('ratelimit-policy', length === null ? `${limit.rate}` : `${limit.rate};w=${length}`);
    outgoing.expose('RateLimit-Policy');
    outgoing.expose('RateLimit');
    return;
  }
  for (const [name, value] of [
    ['X-RateLimit-Limit', most],
    ['X-RateLimit-Remaining', remaining],
    ['X-RateLimit-Reset', reset],
  ] as const) {
    outgoing.set(name, String(value));
    outgoing.expose(name);
  }
}

/** What refused first, then by the share that is left; of equals the one that takes longer to recover. */
function byExhaustion(a: Told, b: Told): number {
  if (a.figures.allowed !== b.figures.allowed) return a.figures.allowed ? 1 : -1;
  return shareLeft(a) - shareLeft(b) || b.figures.resetMs - a.figures.resetMs;
}

function shareLeft({ limit, figures }: Told): number {
  return figures.remaining / largestCost(limit);
}

/** null: it has no window, or none of a fixed length. Where clocks change, a day is one of 24 hours to who only counts. */
function windowSeconds(limit: Limit): number | null {
  if (limit.algorithm === 'concurrency') return null;
  if (limit.algorithm === 'calendar') return limit.per === 'day' ? 86_400 : null;
  return limit.periodMs / 1_000;
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}
