/** A list that came back empty, a wrong namespace, a CRD deleted by mistake: routes must not vanish over it. */
import { plural } from '../diagnostics/render.ts';
import type { AcceptedResources } from '../program/accepted.ts';

/** Losses within it add up: thousands of objects are not deleted in one moment, and passes go on meanwhile. */
const WINDOW_MS = 60_000;
/** Both must be exceeded. */
const MAX_COUNT = 20;
const MAX_SHARE = 0.3;

/**
 * Why the loss of resources is too large to be believed; null: it is not.
 *
 * @param before what the live program was built from
 */
export function massDeletion(before: AcceptedResources, after: AcceptedResources): string | null {
  const all = Object.keys(before);
  const gone = all.filter((key) => !Object.hasOwn(after, key));
  if (gone.length <= MAX_COUNT || gone.length <= all.length * MAX_SHARE) return null;
  const share = Math.round((gone.length / all.length) * 100);
  return (
    `${plural(gone.length, 'resource')} of ${all.length} would be gone (${share} %: ${gone.slice(0, 3).join(', ')}, …); ` +
    `--allow-mass-delete publishes that all the same`
  );
}

export class DeletionGuard {
  /** What was live before each pass that lost something, and when that was. */
  #losses: { readonly atMs: number; readonly before: AcceptedResources }[] = [];

  /** As massDeletion(), but from what was live at the start of the window. */
  objection(before: AcceptedResources, after: AcceptedResources, nowMs: number): string | null {
    this.#losses = this.#losses.filter(({ atMs }) => nowMs - atMs < WINDOW_MS);
    const problem = massDeletion(this.#losses[0]?.before ?? before, after);
    const isLoss = Object.keys(before).some((key) => !Object.hasOwn(after, key));
    if (problem === null && isLoss) this.#losses.push({ atMs: nowMs, before });
    return problem;
  }
}
