/** A list that came back empty, a wrong namespace, a CRD deleted by mistake: routes must not vanish over it. */
import { plural } from '../diagnostics/render.ts';
import type { AcceptedResources } from '../program/accepted.ts';

/** Losses within it add up: thousands of objects are not deleted in one moment, and passes go on meanwhile. */
const WINDOW_MS = 60_000;
/** Both must be exceeded. */
const MAX_COUNT = 20;
const MAX_SHARE = 0.3;

/** A resource in one of its clusters. */
type Holding = { readonly key: string; readonly cluster: string | undefined };

/**
 * Why the loss of resources is too large to be believed; null: it is not. A resource counts once for each
 * of its clusters, and each cluster is looked at by itself too: what one loses must not hide among many.
 *
 * @param before what the live program was built from
 */
export function massDeletion(before: AcceptedResources, after: AcceptedResources): string | null {
  const all = holdings(before);
  const parts = [...Map.groupBy(all, ({ cluster }) => cluster).values()];
  for (const part of parts.length > 1 ? [all, ...parts] : [all]) {
    const gone = part.filter((holding) => isGone(holding, after)).map(nameOf);
    if (gone.length <= MAX_COUNT || gone.length <= part.length * MAX_SHARE) continue;
    const share = Math.round((gone.length / part.length) * 100);
    return (
      `${plural(gone.length, 'resource')} of ${part.length} would be gone (${share} %: ${gone.slice(0, 3).join(', ')}, …); ` +
      `--allow-mass-delete publishes that all the same`
    );
  }
  return null;
}

export class DeletionGuard {
  /** What was live before each pass that lost something, and when that was. */
  #losses: { readonly atMs: number; readonly before: AcceptedResources }[] = [];

  /** As massDeletion(), but from what was live at the start of the window. */
  objection(before: AcceptedResources, after: AcceptedResources, nowMs: number): string | null {
    this.#losses = this.#losses.filter(({ atMs }) => nowMs - atMs < WINDOW_MS);
    const problem = massDeletion(this.#losses[0]?.before ?? before, after);
    const isLoss = holdings(before).some((holding) => isGone(holding, after));
    if (problem === null && isLoss) this.#losses.push({ atMs: nowMs, before });
    return problem;
  }
}

function holdings(resources: AcceptedResources): readonly Holding[] {
  return Object.entries(resources).flatMap(([key, { object }]): readonly Holding[] =>
    object.clusters === undefined
      ? [{ key, cluster: undefined }]
      : // A version that does not serve stands under a key with its cluster.
        object.clusters.map((cluster) => ({
          key: key.startsWith(`${cluster}:`) ? key.slice(cluster.length + 1) : key,
          cluster,
        })),
  );
}

function isGone(holding: Holding, after: AcceptedResources): boolean {
  const { key, cluster } = holding;
  if (cluster !== undefined && Object.hasOwn(after, nameOf(holding))) return false;
  const now = Object.hasOwn(after, key) ? after[key] : undefined;
  if (now === undefined) return true;
  // Clusters may get a name, or lose it.
  const { clusters } = now.object;
  return cluster !== undefined && clusters !== undefined && !clusters.includes(cluster);
}

function nameOf({ key, cluster }: Holding): string {
  return cluster === undefined ? key : `${cluster}:${key}`;
}
