/**
 * Values stored under host patterns: `*`, exact names, and one `*` at the very start or very end that
 * stands for one or more characters. Lookups probe one map per distinct pattern length, so that ten
 * thousand hostnames cost what ten do.
 */
import type { HostPattern } from '../model/route-model.ts';

type Group<Value> = { readonly values: Map<string, Value[]>; lengths: number[] };

export class HostIndex<Value> {
  readonly #exact = new Map<string, Value[]>();
  readonly #suffixes: Group<Value> = { values: new Map(), lengths: [] };
  readonly #prefixes: Group<Value> = { values: new Map(), lengths: [] };
  readonly #any: Value[] = [];

  add(pattern: HostPattern, value: Value): void {
    if (pattern === '*') this.#any.push(value);
    // A `*` at both ends matches nothing: the rest of it is a plain character.
    else if (pattern.startsWith('*')) addToGroup(this.#suffixes, pattern.slice(1), value);
    else if (pattern.endsWith('*')) addToGroup(this.#prefixes, pattern.slice(0, -1), value);
    else addTo(this.#exact, pattern, value);
  }

  /** Every value whose pattern holds. */
  all(host: string): Value[] {
    const found = [...this.#any, ...(this.#exact.get(host) ?? [])];
    for (const length of this.#suffixes.lengths) {
      if (length < host.length) found.push(...(this.#suffixes.values.get(host.slice(host.length - length)) ?? []));
    }
    for (const length of this.#prefixes.lengths) {
      if (length < host.length) found.push(...(this.#prefixes.values.get(host.slice(0, length)) ?? []));
    }
    return found;
  }
}

function addTo<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function addToGroup<Value>(group: Group<Value>, key: string, value: Value): void {
  addTo(group.values, key, value);
  if (!group.lengths.includes(key.length)) group.lengths = [...group.lengths, key.length].toSorted((a, b) => b - a);
}
