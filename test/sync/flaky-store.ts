/** One program store that several processes share, and what a reader finds in it after each write. */
import { POINTER_KEY } from '../../src/program/keys.ts';
import { loadProgram, type LoadedProgram } from '../../src/program/load-program.ts';
import { loadSources } from '../../src/program/sources.ts';
import type { ProgramStore, StoredValue } from '../../src/program/program-store.ts';
import { shuffle } from '../faults/dying-store.ts';
import { MemoryStore } from '../program/memory-store.ts';
import type { ProcessLife } from './process-life.ts';

/** What is live from one moment on; `problem`: why a reader cannot use it. */
export type Seen = {
  /** Written by a process that had last read another pointer than the one it replaced. */
  readonly isBlind: boolean;
  readonly loaded: LoadedProgram | null;
  readonly sources: number;
  readonly problem: string | null;
};

export class SharedStore {
  readonly raw = new MemoryStore();
  writes = 0;
  readonly #seen: Promise<Seen>[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Everything that was ever live. */
  seen(): Promise<readonly Seen[]> {
    return Promise.all(this.#seen);
  }

  /** As one process reaches it. */
  of(life: ProcessLife): ProgramStore {
    const call = <Result>(effect: () => Result | Promise<Result>): Promise<Result> =>
      life.call(effect, () => new Error('the store fails'));
    let lastRead: string | null = null;
    return {
      get: async (key) => {
        const value = await call(() => this.raw.get(key));
        if (key === POINTER_KEY) lastRead = value;
        return value;
      },
      list: (prefix) => call(() => this.raw.list(prefix)),
      put: async (key, value) => {
        life.isPublishing = true;
        await call(() => {
          const replaced = this.raw.values.get(POINTER_KEY)?.value ?? null;
          this.#write(key, value, key === POINTER_KEY && replaced !== lastRead);
        });
        life.isPublishing = key !== POINTER_KEY;
      },
      putMany: async (values) => {
        life.isPublishing = true;
        const left = life.draws('half written') ? Math.floor(this.#random() * values.length) : values.length;
        for (const [index, { key, value }] of shuffle(values, this.#random).entries()) {
          if (index >= left) throw new Error('the store fails in the middle');
          await call(() => this.#write(key, value));
        }
      },
      deleteMany: (keys) => call(() => this.#delete(keys)),
    };
  }

  #write(key: string, value: string, isBlind = false): void {
    const before = this.raw.values.get(key)?.value;
    this.writes += 1;
    this.raw.values.set(key, { value, writtenAt: new Date().toISOString() });
    if (key === POINTER_KEY || (before !== undefined && before !== value)) this.#look(isBlind);
  }

  #delete(keys: readonly string[]): void {
    for (const key of keys) this.raw.values.delete(key);
    this.#look();
  }

  /** All keys but the pointer name their content, so between these moments a reader finds the same. */
  #look(isBlind = false): void {
    this.#seen.push(read(this.raw.copy(), isBlind));
  }
}

async function read(store: MemoryStore, isBlind: boolean): Promise<Seen> {
  try {
    const loaded = await loadProgram(store);
    const sources = Object.keys(await loadSources(store)).length;
    const isWhole = loaded !== null && sources === loaded.pointer.sources.resources;
    return { isBlind, loaded, sources, problem: isWhole ? null : 'the kept resources are not whole' };
  } catch (error) {
    return { isBlind, loaded: null, sources: 0, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** For a control: the pointer is switched before what it names is there. */
export function pointerFirst(store: ProgramStore): ProgramStore {
  const held = new Map<string, StoredValue>();
  return {
    ...store,
    get: async (key) => held.get(key)?.value ?? store.get(key),
    putMany: async (values) => {
      for (const value of values) held.set(value.key, value);
    },
    put: async (key, value) => {
      await store.put(key, value);
      if (key !== POINTER_KEY) return;
      const values = [...held.values()];
      held.clear();
      await store.putMany(values);
    },
  };
}

/** For a control: a publisher that does not look whether somebody else published meanwhile. */
export function withoutPointerCheck(store: ProgramStore): ProgramStore {
  let seen: string | null = null;
  let isSwitching = false;
  return {
    ...store,
    get: async (key) => {
      if (key !== POINTER_KEY) return store.get(key);
      if (!isSwitching) seen = await store.get(key);
      return seen;
    },
    put: async (key, value) => {
      isSwitching = key !== POINTER_KEY;
      await store.put(key, value);
    },
  };
}

/** For a control: nobody remembers what was accepted. */
export function withoutSources(store: ProgramStore): ProgramStore {
  return { ...store, get: async (key) => (key.startsWith('sources-') ? null : store.get(key)) };
}
