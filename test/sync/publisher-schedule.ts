/** One seeded schedule: edits, faults and deaths of several sync processes, then quiet, then the verdict. */
import { vi } from 'vitest';
import { supersedes } from '../../src/program/decode.ts';
import type { ProgramStore } from '../../src/program/program-store.ts';
import type { KubernetesApi } from '../../src/sync/kubernetes-api.ts';
import { seededRandom } from '../faults/scenario.ts';
import { FlakyCluster } from './flaky-cluster.ts';
import { SharedStore, type Seen } from './flaky-store.ts';
import { NO_FAULTS, ProcessLife, type Faultiness } from './process-life.ts';
import { Truth } from './schedule-truth.ts';
import { startSyncProcess, type SyncProcess } from './sync-process.ts';
import { VirtualTime } from './virtual-time.ts';

/** What a control breaks. */
export type Sabotage = {
  readonly store?: (store: ProgramStore) => ProgramStore;
  readonly api?: (api: KubernetesApi) => KubernetesApi;
  readonly alwaysLeads?: boolean;
};

export type Outcome = {
  /** What did not hold; empty: all is well. */
  readonly broken: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
  readonly publishes: number;
  /** How often the Lease went to another process. */
  readonly leaders: number;
  /** A list of Mappings came back empty. */
  readonly wasLiedTo: boolean;
};

const STEPS = 30;
/** Lease, longest wait of a reflector, tick of the loop. Milliseconds. */
const SETTLES_MS = 100_000;
/** Lists are asked for again by then, whatever watches say. */
const RELISTS_MS = 16 * 60_000;

export async function runSchedule(seed: number, sabotage: Sabotage = {}): Promise<Outcome> {
  const schedule = new Schedule(seed, sabotage);
  await schedule.begin();
  for (let step = 0; step < STEPS; step += 1) await schedule.step();
  return schedule.end();
}

class Schedule {
  readonly #random: () => number;
  readonly #time = new VirtualTime();
  readonly #cluster: FlakyCluster;
  readonly #truth: Truth;
  readonly #store: SharedStore;
  readonly #sabotage: Sabotage;
  readonly #faults = new Map<string, number>();
  readonly #broken: string[] = [];
  readonly #chances: Faultiness;
  readonly #watchFaults: number;
  readonly #slowMs: number;
  /** Nothing outlasts a Lease: then no process may write over what it has not seen. */
  readonly #isTame: boolean;
  #processes: { readonly life: ProcessLife; readonly process: SyncProcess }[] = [];
  #started = 0;
  /** All that ever ran, for what they do after their end. */
  readonly #lives: ProcessLife[] = [];
  #lastLeader: ProcessLife | null = null;
  #leaders = 0;
  #isQuiet = true;

  constructor(seed: number, sabotage: Sabotage) {
    const random = seededRandom(seed);
    this.#random = random;
    this.#sabotage = sabotage;
    this.#cluster = new FlakyCluster(random, () => this.#time.nowMs);
    this.#truth = new Truth(this.#cluster.mappings, random);
    this.#store = new SharedStore(random);
    this.#isTame = seed % 2 === 0;
    const most = random();
    this.#watchFaults = 0.15 * most;
    this.#slowMs = this.#isTame ? 100 : 12_000;
    this.#chances = {
      'killed before an effect': 0.004 * most,
      'killed after an effect': 0.004 * most,
      frozen: this.#isTame ? 0 : 0.006 * most,
      slow: 0.2 * most,
      refused: 0.1 * most,
      'answer lost': 0.05 * most,
      'half written': 0.2 * most,
    };
  }

  /** One version of everything is live. */
  async begin(): Promise<void> {
    const processes = 2 + Math.floor(this.#random() * 2);
    for (let count = 0; count < processes; count += 1) this.#start();
    await this.#run(5_000);
  }

  async step(): Promise<void> {
    this.#isQuiet = false;
    this.#cluster.faultiness = this.#watchFaults * this.#random();
    for (const { life } of this.#processes) this.#trouble(life);
    const edits = Math.floor(this.#random() * 4);
    for (let count = 0; count < edits; count += 1) this.#truth.edit();
    if (this.#random() < 0.3) this.#truth.breakOrMend();
    if (this.#random() < 0.04) this.#cluster.mappings.compact();
    this.#meddle();
    await this.#run(this.#random() * (this.#random() < 0.2 ? 20_000 : 4_000));
  }

  async end(): Promise<Outcome> {
    this.#isQuiet = true;
    this.#cluster.faultiness = 0;
    for (const life of this.#lives) {
      life.faults = NO_FAULTS;
      life.thaw();
    }
    const wasLiedTo = this.#cluster.mappings.seen.has('empty list');
    await this.#run(wasLiedTo ? RELISTS_MS : SETTLES_MS);
    const [writes, statuses] = [this.#store.writes, this.#cluster.writes];
    // Two ticks of the loop.
    await this.#run(61_000);
    if (this.#store.writes !== writes) this.#broken.push('the store is written although nothing changes');
    if (this.#cluster.writes !== statuses) this.#broken.push('statuses are written although nothing changes');
    const seen = await this.#store.seen();
    this.#judge(seen, wasLiedTo);
    for (const { life, process } of this.#processes) {
      process.stop();
      life.kill();
    }
    for (const source of this.#cluster.sources.values())
      for (const [fault, count] of source.seen) this.#count(fault, count);
    return {
      broken: this.#broken,
      faults: this.#faults,
      publishes: seen.length,
      leaders: this.#leaders,
      wasLiedTo,
    };
  }

  #start(): void {
    const random = this.#random;
    const life = new ProcessLife({
      time: this.#time,
      random,
      skewMs: (random() - 0.5) * 600_000,
      onFault: (fault) => this.#count(fault, 1),
    });
    if (!this.#isQuiet) this.#trouble(life);
    const { api = (it: KubernetesApi) => it, store = (it: ProgramStore) => it } = this.#sabotage;
    const process = startSyncProcess({
      api: api(this.#cluster.of(life)),
      store: store(this.#store.of(life)),
      life,
      identity: `p-${this.#started}`,
      alwaysLeads: this.#sabotage.alwaysLeads === true,
    });
    this.#started += 1;
    this.#lives.push(life);
    this.#processes.push({ life, process });
  }

  #trouble(life: ProcessLife): void {
    life.faults = this.#chances;
    life.slowMs = this.#slowMs;
  }

  /** Deaths, good ends, cut connections, and new processes in their place. */
  #meddle(): void {
    const among = this.#processes[Math.floor(this.#random() * this.#processes.length)];
    const chance = this.#random();
    if (among !== undefined && chance < 0.05) {
      this.#count('killed', 1);
      among.life.kill();
    } else if (among !== undefined && chance < 0.1) {
      this.#count('stopped', 1);
      among.process.stop();
      this.#processes = this.#processes.filter((each) => each !== among);
    } else if (among !== undefined && chance < 0.2) {
      this.#count('cut off', 1);
      among.life.isCut = !among.life.isCut;
    }
  }

  /** Restarts what died, at some time. */
  #restart(): void {
    const dead = this.#processes.filter(({ life }) => life.isDead);
    if (dead.length === 0 && this.#processes.length >= 2) return;
    if (!this.#isQuiet && this.#random() > 0.2) return;
    this.#processes = this.#processes.filter(({ life }) => !life.isDead);
    while (this.#processes.length < 2) this.#start();
  }

  async #run(ms: number): Promise<void> {
    // What waits for news looks again: a server ends watches by time.
    const endMs = this.#time.nowMs + ms;
    while (this.#time.nowMs < endMs) {
      await this.#time.run(Math.min(2_000, endMs - this.#time.nowMs), () => {
        // Publishers' clocks differ by minutes.
        vi.setSystemTime(this.#time.nowMs + (this.#random() - 0.5) * 600_000);
        this.#noteLeader();
      });
      this.#restart();
      this.#cluster.stir();
    }
  }

  #noteLeader(): void {
    const leader = this.#processes.find(({ life, process }) => !life.isDead && process.isLeader())?.life;
    if (leader === undefined || leader === this.#lastLeader) return;
    this.#lastLeader = leader;
    this.#leaders += 1;
  }

  #count(fault: string, count: number): void {
    this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + count);
  }

  /** At no moment may a reader find anything but a whole version of things that were wished for. */
  #judge(seen: readonly Seen[], wasLiedTo: boolean): void {
    for (const each of seen) {
      this.#broken.push(...this.#truth.judgeAny(each, wasLiedTo));
      if (this.#isTame && each.isBlind) this.#broken.push('a publish replaced another that it had not seen');
    }
    const last = seen.at(-1)?.loaded ?? null;
    this.#broken.push(...(last === null ? ['nothing is live'] : this.#truth.judgeLast(last.program, wasLiedTo)));
    // Who has taken up one of the others must be willing to take up the last.
    for (const { loaded } of seen) {
      if (last === null || loaded === null || loaded.pointer.index === last.pointer.index) continue;
      if (!supersedes(last.pointer, loaded.pointer))
        this.#broken.push(`publish ${loaded.pointer.sequence} is kept for good`);
    }
    if (!wasLiedTo) this.#broken.push(...this.#truth.judgeStatuses());
  }
}
