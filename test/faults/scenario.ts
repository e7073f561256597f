/** What every fault scenario takes and gives. Each prints as one JSON line: its figures, and whether it held. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

export type FaultOptions = {
  /** `short`: fewer repetitions, for the test suite. What is asserted is the same. */
  readonly scale: 'full' | 'short';
};

export type Figures = {
  readonly fault: string;
  readonly ok: boolean;
  /** What did not hold; empty when `ok`. */
  readonly broken: readonly string[];
  readonly [figure: string]: number | string | boolean | null | readonly string[] | Readonly<Record<string, number>>;
};

export type Scenario = (options: FaultOptions) => Promise<Figures>;

/** Collects what must hold, so that one run tells everything that did not. */
export class Expectations {
  readonly broken: string[] = [];

  /** `what` is the sentence that should be true. */
  expect(holds: boolean, what: string): void {
    if (!holds) this.broken.push(what);
  }

  equal(actual: unknown, expected: unknown, what: string): void {
    const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (found !== wanted) this.broken.push(`${what}: ${found}, expected ${wanted}`);
  }

  figures(fault: string, figures: Omit<Figures, 'fault' | 'ok' | 'broken'>): Figures {
    return { fault, ...figures, ok: this.broken.length === 0, broken: this.broken };
  }
}

type Closing = () => unknown;

/** What a scenario started, ended in reverse order whatever happens. */
export class Stage {
  static readonly #open = new Set<Stage>();
  readonly #closings: Closing[] = [];

  /** Runs `work` and then ends everything it put on the stage. */
  static async run<Result>(work: (stage: Stage) => Promise<Result>): Promise<Result> {
    const stage = new Stage();
    Stage.#open.add(stage);
    try {
      return await work(stage);
    } finally {
      await stage.#end();
    }
  }

  /** Ends what scenarios that were given up left running. */
  static async endAll(): Promise<void> {
    for (const stage of Stage.#open) await stage.#end();
  }

  async #end(): Promise<void> {
    Stage.#open.delete(this);
    const failures: unknown[] = [];
    for (const closing of this.#closings.splice(0).toReversed()) {
      // One that fails must not leave the others running.
      try {
        await closing();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be ended.');
  }

  add<Thing extends { close(): unknown }>(thing: Thing): Thing {
    this.#closings.push(() => thing.close());
    return thing;
  }

  folder(): string {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-faults-'));
    this.#closings.push(() => fs.rmSync(folder, { recursive: true, force: true }));
    return folder;
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Asks until the answer is true; false when it was not within the time. */
export async function until(isTrue: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (performance.now() < end) {
    if (await isTrue()) return true;
    await sleep(20);
  }
  return isTrue();
}

/** Same seed, same numbers in [0, 1). Mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Milliseconds, rounded: the value below which `share` of the sorted or unsorted values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 10) / 10;
}

/** How often each text occurs. */
export function countBy(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}
