/** Sorted keys, remembered: the resources of a rebuild are mostly those of the build before, and sorting them all again would cost more than the rest. */
import { compareCodePoints } from '../model/rank.ts';

export class KeyOrder {
  #sorted: readonly string[] = [];
  #known: ReadonlySet<string> = new Set();

  /** The keys by code point. */
  sorted(keys: ReadonlySet<string> | ReadonlyMap<string, unknown>): readonly string[] {
    if (!this.#isSame(keys)) {
      this.#known = new Set(keys.keys());
      this.#sorted = [...this.#known].toSorted(compareCodePoints);
    }
    return this.#sorted;
  }

  #isSame(keys: ReadonlySet<string> | ReadonlyMap<string, unknown>): boolean {
    if (keys.size !== this.#known.size) return false;
    for (const key of keys.keys()) if (!this.#known.has(key)) return false;
    return true;
  }
}
