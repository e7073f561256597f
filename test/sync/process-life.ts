/** One process of many: it can be slow, stand still, lose its connections and die, each at any point where it waits. */
import type { Clock } from '../../src/sync/clock.ts';
import type { VirtualTime } from './virtual-time.ts';

export const PROCESS_FAULTS = [
  'killed before an effect',
  'killed after an effect',
  'killed in a publish',
  'frozen',
  'frozen in a publish',
  'slow',
  'refused',
  'answer lost',
  'half written',
] as const;
export type ProcessFault = (typeof PROCESS_FAULTS)[number];

/** Chances of each fault at each call, in [0, 1]; what happens in a publish is counted beside what it is. */
export type Faultiness = Readonly<Record<Exclude<ProcessFault, `${string} in a publish`>, number>>;
export const NO_FAULTS: Faultiness = {
  'killed before an effect': 0,
  'killed after an effect': 0,
  frozen: 0,
  slow: 0,
  refused: 0,
  'answer lost': 0,
  'half written': 0,
};

export type LifeOptions = {
  readonly time: VirtualTime;
  readonly random: () => number;
  /** This machine's clock is off by so much. Milliseconds. */
  readonly skewMs: number;
  readonly onFault: (fault: ProcessFault) => void;
};

/** So much likelier are death and standing still while something is half done. */
const PUBLISH_RISK = 5;
/** Longer than a Lease lasts. */
const LONGEST_FREEZE_MS = 40_000;

export class ProcessLife {
  faults: Faultiness = NO_FAULTS;
  /** Its calls take up to so long when they are slow. Milliseconds. */
  slowMs = 0;
  isDead = false;
  /** The API server is out of its reach. */
  isCut = false;
  /** Something is written that no pointer names yet. */
  isPublishing = false;
  readonly clock: Clock;
  readonly #options: LifeOptions;
  readonly #bare: Clock;
  #thawsMs = 0;

  constructor(options: LifeOptions) {
    const { time, random, skewMs } = options;
    this.#options = options;
    this.#bare = time.clock(0, random);
    const own = time.clock(skewMs, random);
    this.clock = {
      nowMs: () => own.nowMs(),
      random,
      sleep: async (ms, signal) => {
        await own.sleep(ms, signal);
        await this.goOn();
      },
    };
  }

  /** Without a word to anybody. */
  kill(): void {
    this.isDead = true;
  }

  thaw(): void {
    this.#thawsMs = 0;
    this.isCut = false;
  }

  /** Resolves when the process runs on: at once, later, or never. */
  async goOn(): Promise<void> {
    while (!this.isDead && this.#thawsMs > this.#options.time.nowMs)
      await this.#bare.sleep(Math.min(1_000, this.#thawsMs - this.#options.time.nowMs));
    if (this.isDead) await never();
  }

  /** A call to somebody else. What was sent may arrive although its sender died meanwhile. */
  async call<Result>(effect: () => Result | Promise<Result>, errorOf: () => Error): Promise<Result> {
    const { random, time } = this.#options;
    await this.goOn();
    if (this.#endangers('killed before an effect', 'killed in a publish')) this.kill();
    if (this.#endangers('frozen', 'frozen in a publish')) this.#thawsMs = time.nowMs + random() * LONGEST_FREEZE_MS;
    await this.goOn();
    if (this.draws('refused')) throw errorOf();
    if (this.slowMs > 0 && this.draws('slow')) await this.#bare.sleep(random() * this.slowMs);
    if (this.isDead && random() < 0.5) return never();
    const result = await effect();
    if (this.#endangers('killed after an effect', 'killed in a publish')) this.kill();
    await this.goOn();
    if (this.draws('answer lost')) throw errorOf();
    return result;
  }

  draws(fault: keyof Faultiness, risk = 1): boolean {
    const chance = this.faults[fault] * risk;
    if (this.isDead || chance === 0 || this.#options.random() >= chance) return false;
    this.#options.onFault(fault);
    return true;
  }

  #endangers(fault: keyof Faultiness, inPublish: ProcessFault): boolean {
    if (!this.draws(fault, this.isPublishing ? PUBLISH_RISK : 1)) return false;
    if (this.isPublishing) this.#options.onFault(inPublish);
    return true;
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
