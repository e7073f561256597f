import { compareCodePoints } from '../../model/rank.ts';

type Named = { readonly namespace: string; readonly name: string };

/**
 * Order by namespace, then name. It stands wherever Ambassador goes by the order in which resources
 * arrived, so that the same set of resources always gives the same routes.
 */
export function compareByName(a: Named, b: Named): number {
  return compareCodePoints(a.namespace, b.namespace) || compareCodePoints(a.name, b.name);
}
