/** A store whose publisher dies at a chosen write. */
import type { ProgramStore, StoredValue } from '../../src/program/program-store.ts';

export type Death = {
  /** Writes that still happen, counted over values. Infinity: it lives. */
  readonly afterWrites: number;
  /** Ends the publisher; must not return. */
  readonly die: () => never;
  /** The order in which the values of one call are written: any subset of them may be there. */
  readonly order: (values: readonly StoredValue[]) => readonly StoredValue[];
};

/** `writes` counts what was written through it. */
export function dyingStore(store: ProgramStore, death: Death): ProgramStore & { writes(): number } {
  let writes = 0;
  const put = async (key: string, value: string): Promise<void> => {
    if (writes >= death.afterWrites) death.die();
    await store.put(key, value);
    writes += 1;
  };
  return {
    get: (key) => store.get(key),
    list: (prefix) => store.list(prefix),
    deleteMany: (keys) => store.deleteMany(keys),
    put,
    putMany: async (values) => {
      for (const { key, value } of death.order(values)) await put(key, value);
    },
    writes: () => writes,
  };
}

/** Fisher–Yates. */
export function shuffle<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const [a, b] = [shuffled[last], shuffled[other]];
    if (a === undefined || b === undefined) continue;
    [shuffled[last], shuffled[other]] = [b, a];
  }
  return shuffled;
}
