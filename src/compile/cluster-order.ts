/** Clusters in the order of routes.config.ts; those it does not name follow by name. */
import { compareCodePoints } from '../model/rank.ts';

export class ClusterOrder {
  readonly #places: ReadonlyMap<string, number>;

  constructor(names: readonly string[]) {
    this.#places = new Map(names.map((name, place) => [name, place]));
  }

  compare(a: string, b: string): number {
    if (a === b) return 0;
    const last = this.#places.size;
    return (this.#places.get(a) ?? last) - (this.#places.get(b) ?? last) || compareCodePoints(a, b);
  }

  /** Each once. */
  sortedNames(names: readonly string[]): readonly string[] {
    return names.length < 2 ? names : [...new Set(names)].toSorted((a, b) => this.compare(a, b));
  }

  sorted<T extends { readonly cluster: string }>(items: readonly T[]): readonly T[] {
    return items.length < 2 ? items : items.toSorted((a, b) => this.compare(a.cluster, b.cluster));
  }
}
