/**
 * Keys of resources, remembered: those of a rebuild are mostly those of the build before, and spelling
 * and sorting them all again would cost more than the rest of it.
 */
import { resourceKey, type SourceRef } from '../diagnostics/finding.ts';
import { compareCodePoints } from '../model/rank.ts';

const keys = new WeakMap<SourceRef, string>();

/** resourceKey, once per source object. */
export function keyOf(source: SourceRef): string {
  let key = keys.get(source);
  if (key === undefined) {
    key = resourceKey(source);
    keys.set(source, key);
  }
  return key;
}

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
