/** N edge processes on one listening socket: started, restarted when they die, exchanged one by one. */
import { BackOff } from './back-off.ts';
import { EdgeProcess } from './edge-process.ts';
import type { ProcessTable } from './process-table.ts';
import type { ServeLog } from './serve-log.ts';

export type FleetOptions = {
  readonly processes: number;
  readonly runFolder: string;
  readonly listener: number;
  readonly drainMs: number;
  /** Environment variables with secrets. */
  readonly variables: Readonly<Record<string, string>>;
  readonly table: ProcessTable;
  readonly logOf: (process: string) => ServeLog;
};

export type EdgeStatus = {
  readonly name: string;
  readonly pid: number | null;
  /** `starting`: not yet answering; `down`: waiting for its next start. */
  readonly state: 'starting' | 'ready' | 'down';
  /** Version served; null: none yet. */
  readonly version: string | null;
  /** Unplanned restarts so far. */
  readonly restarts: number;
};

type Slot = {
  readonly number: number;
  readonly backOff: BackOff;
  edge: EdgeProcess | null;
  state: EdgeStatus['state'];
  version: string | null;
  restarts: number;
  restart: NodeJS.Timeout | null;
};

export class EdgeFleet {
  readonly #options: FleetOptions;
  readonly #slots: readonly Slot[];
  readonly #draining = new Set<Promise<unknown>>();
  #configFile = '';
  #generation = 0;
  #stopping = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.processes }, (_, index) => ({
      number: index + 1,
      backOff: new BackOff(),
      edge: null,
      state: 'down' as const,
      version: null,
      restarts: 0,
      restart: null,
    }));
  }

  /** Throws when one of them does not come up. */
  async start(configFile: string): Promise<void> {
    this.#configFile = configFile;
    await Promise.all(this.#slots.map((slot) => this.#startIn(slot)));
  }

  /** Every process looks at the pointer now. */
  async reload(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => this.#reload(slot)));
  }

  /**
   * Exchanges every process, one after the other; the old one is told to stop only when the new one
   * serves. Throws when a new one does not come up: the rest then stays as it was.
   *
   * @param needsProgram a new process that has no program may not replace one that has
   */
  async roll(configFile: string, needsProgram: boolean): Promise<void> {
    this.#configFile = configFile;
    const told: Promise<void>[] = [];
    for (const slot of this.#slots) {
      if (this.#stopping) break;
      const edge = this.#spawn(slot);
      let version: string | null;
      try {
        version = await edge.ready();
        if (version === null && needsProgram && slot.version !== null) throw new Error('it could not load the program');
      } catch (error) {
        edge.process.kill();
        throw error;
      }
      // Only now: the one that was there may have died meanwhile, and another may have been started.
      const old = slot.edge;
      if (slot.restart !== null) clearTimeout(slot.restart);
      slot.restart = null;
      this.#install(slot, edge, version);
      if (old !== null) told.push(this.#drain(slot, old));
    }
    // Until then an old process may still take a connection, and answer with what it serves.
    await Promise.all(told);
  }

  status(): readonly EdgeStatus[] {
    return this.#slots.map(({ number, edge, state, version, restarts }) => ({
      name: `edge-${number}`,
      pid: edge?.process.pid ?? null,
      state,
      version,
      restarts,
    }));
  }

  /** With what each process says of its rate limits. */
  async statusWithLimits(): Promise<readonly (EdgeStatus & { readonly limits: object | null })[]> {
    const limits = await Promise.all(this.#slots.map(({ edge }) => edge?.limits() ?? Promise.resolve(null)));
    return this.status().map((status, at) => ({ ...status, limits: limits[at] ?? null }));
  }

  /** Lets requests finish within the drain time, those of processes already exchanged too. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const slot of this.#slots) {
      if (slot.restart !== null) clearTimeout(slot.restart);
      if (slot.edge !== null) void this.#drain(slot, slot.edge);
    }
    await Promise.all(this.#draining);
  }

  /** One without a program may not stand beside one that serves: it would answer its share of requests with 503. */
  async #startIn(slot: Slot): Promise<void> {
    const edge = this.#spawn(slot);
    slot.edge = edge;
    slot.state = 'starting';
    void edge.process.ended.then((ended) => this.#onEnded(slot, edge, ended));
    let version: string | null;
    try {
      version = await edge.ready();
      if (version === null && this.#serves()) throw new Error('it could not load the program, which others serve');
    } catch (error) {
      // One that hangs at its start is as good as dead, and its end leads to the next try.
      edge.process.kill();
      // Exchanged while it started: its end was asked for.
      if (slot.edge !== null && slot.edge !== edge) return;
      throw error;
    }
    if (slot.edge !== edge) return;
    slot.version = version;
    slot.state = 'ready';
    this.#log(slot)('info', 'process-ready', { pid: edge.process.pid, version });
  }

  /** Whether any process has a program. */
  #serves(): boolean {
    return this.#slots.some(({ state, version }) => state === 'ready' && version !== null);
  }

  #install(slot: Slot, edge: EdgeProcess, version: string | null): void {
    slot.edge = edge;
    slot.version = version;
    slot.state = 'ready';
    void edge.process.ended.then((ended) => this.#onEnded(slot, edge, ended));
    this.#log(slot)('info', 'process-ready', { pid: edge.process.pid, version });
  }

  #spawn(slot: Slot): EdgeProcess {
    this.#generation += 1;
    const { runFolder, listener, variables, table } = this.#options;
    const edge = new EdgeProcess({
      configFile: this.#configFile,
      runFolder,
      name: `edge-${slot.number}-${this.#generation}`,
      listener,
      variables,
      log: this.#log(slot),
    });
    table.add(edge.process);
    return edge;
  }

  async #reload(slot: Slot): Promise<void> {
    const { edge } = slot;
    if (edge === null || slot.state !== 'ready') return;
    try {
      slot.version = await edge.reload();
    } catch (error) {
      if (!edge.process.hasEnded) this.#log(slot)('error', 'reload-failed', { message: messageOf(error) });
    }
  }

  #onEnded(slot: Slot, edge: EdgeProcess, ended: { code: number | null; signal: string | null }): void {
    // Exchanged or stopped on purpose: somebody waits for that end already.
    if (slot.edge !== edge || this.#stopping) return;
    const delayMs = slot.backOff.delayAfter(Date.now() - edge.process.startedAt, slot.state === 'ready');
    slot.edge = null;
    slot.state = 'down';
    slot.version = null;
    slot.restarts += 1;
    this.#log(slot)('error', 'process-ended', { ...ended, restartInMs: delayMs });
    slot.restart = setTimeout(() => {
      slot.restart = null;
      this.#startIn(slot).catch((error: unknown) =>
        this.#log(slot)('error', 'process-not-ready', { message: messageOf(error) }),
      );
    }, delayMs);
  }

  /** Resolves when the process takes nothing new; its end is waited for in `#draining`. */
  #drain(slot: Slot, old: EdgeProcess): Promise<void> {
    const log = this.#log(slot);
    const { pid } = old.process;
    const told = old.tellToStop();
    const drained = told
      .then(() => old.process.stop(this.#options.drainMs))
      .then((inTime) => {
        this.#draining.delete(drained);
        log(inTime ? 'info' : 'warning', inTime ? 'process-drained' : 'process-killed', { pid });
      });
    this.#draining.add(drained);
    return told;
  }

  #log(slot: Slot): ServeLog {
    return this.#options.logOf(`edge-${slot.number}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
