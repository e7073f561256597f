/** One order for resources, and one resource per name. */
import type { Report } from '../../diagnostics/finding.ts';
import { compareCodePoints } from '../../model/rank.ts';
import { nameOf, reportAt, type Located } from './report-at.ts';

type Named = { readonly namespace: string; readonly name: string };

/**
 * Order by namespace, then name. It stands wherever Ambassador goes by the order in which resources
 * arrived, so that the same set of resources always gives the same routes.
 */
export function compareByName(a: Named, b: Named): number {
  return compareCodePoints(a.namespace, b.namespace) || compareCodePoints(a.name, b.name);
}

/**
 * In order of name. Of two resources with one name the first by file and line is kept: their routes or
 * domains would have the same id.
 */
export function uniqueByName<Item extends Located>(resources: readonly Item[], report: Report): readonly Item[] {
  const unique: Item[] = [];
  for (const resource of resources.toSorted((a, b) => compareByName(a, b) || comparePlace(a, b))) {
    const first = unique.at(-1);
    // Of several clusters with one name: they are kept apart.
    const isOther = first?.source.cluster !== resource.source.cluster;
    if (first === undefined || isOther || compareByName(first, resource) !== 0) {
      unique.push(resource);
      continue;
    }
    reportAt(report, resource, {
      severity: 'error',
      code: 'resource-duplicate',
      message: `${resource.kind} ${nameOf(resource)} is also in ${placeOf(first)}; only that one is used.`,
      path: 'metadata.name',
      hint: 'Keep one of the two, or rename one.',
    });
  }
  return unique;
}

/**
 * By name; versions of several clusters count side by side (see compile/merge-clusters.ts), so that a name
 * alone does not tell them apart.
 */
export function compareVersions(a: Located, b: Located): number {
  return compareByName(a, b) || compareCodePoints(a.source.cluster ?? '', b.source.cluster ?? '') || comparePlace(a, b);
}

function comparePlace(a: Located, b: Located): number {
  return compareCodePoints(a.source.file ?? '', b.source.file ?? '') || (a.source.line ?? 0) - (b.source.line ?? 0);
}

function placeOf({ source }: Located): string {
  return source.line === null ? (source.file ?? 'the input') : `${source.file ?? 'the input'}:${source.line}`;
}
