/** The one process that holds the Durable Objects; restarted when it dies. Its clients connect anew by themselves. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import { BackOff } from './back-off.ts';
import type { ProcessTable } from './process-table.ts';
import { OBJECTS_SOCKET } from './runtime-config.ts';
import { relayRuntimeLine, type ServeLog } from './serve-log.ts';
import { answers, askSocket, textIn } from '../sockets/unix-socket.ts';
import { endedAtStart, WorkerdProcess } from './workerd-process.ts';

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 10;
/** Once its clients are gone and it has written everything, there is nothing to wait for. */
const STOP_MS = 2_000;
const FLUSH_MS = 2_000;

export type ObjectsOptions = {
  readonly configFile: string;
  readonly runFolder: string;
  readonly table: ProcessTable;
  readonly log: ServeLog;
};

export class ObjectsProcess {
  readonly #options: ObjectsOptions;
  readonly #socket: string;
  readonly #backOff = new BackOff();
  #process: WorkerdProcess | null = null;
  #restart: NodeJS.Timeout | null = null;
  #ready = false;
  #restarts = 0;
  #stopping = false;

  constructor(options: ObjectsOptions) {
    this.#options = options;
    this.#socket = path.join(options.runFolder, OBJECTS_SOCKET);
  }

  status(): { readonly pid: number | null; readonly state: 'ready' | 'down'; readonly restarts: number } {
    return { pid: this.#process?.pid ?? null, state: this.#ready ? 'ready' : 'down', restarts: this.#restarts };
  }

  /** Resolves when it takes calls; throws when it does not come up. */
  async start(): Promise<void> {
    const { configFile, runFolder, table, log } = this.#options;
    // The runtime does not replace a file that a process before it left.
    fs.rmSync(this.#socket, { force: true });
    const child = new WorkerdProcess({
      configFile,
      args: ['--socket-addr', `rpc=unix:${OBJECTS_SOCKET}`],
      workingFolder: runFolder,
      onLine: (line) => relayRuntimeLine(line, log),
    });
    this.#process = child;
    table.add(child);
    void child.ended.then((ended) => this.#onEnded(child, ended));
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await answers(this.#socket))) {
      if (child.hasEnded) throw new UserError(endedAtStart('the objects process', child));
      if (Date.now() > deadline) throw new Error(`the objects process did not answer within ${START_TIMEOUT_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.#ready = true;
    log('info', 'process-ready', { pid: child.pid });
  }

  /** Call it when the edge processes are gone: an open connection of theirs would keep it alive. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    if (this.#ready) await this.#flush();
    await this.#process?.stop(STOP_MS);
  }

  /**
   * Decisions are written a moment after they were made; a process that is told to end would not wait for that.
   * Never rejects: a disk that refuses them is no reason to run on.
   */
  async #flush(): Promise<void> {
    try {
      const answer = await askSocket(this.#socket, { method: 'POST', path: '/flush' }, FLUSH_MS);
      if (answer.status !== 204) throw new Error(textIn(answer, 'detail') ?? `the process answered ${answer.status}`);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#options.log('warning', 'counters-not-written', { message });
    }
  }

  #onEnded(child: WorkerdProcess, ended: { code: number | null; signal: string | null }): void {
    const hasServed = this.#ready;
    this.#ready = false;
    if (this.#stopping) return;
    this.#restarts += 1;
    const delayMs = this.#backOff.delayAfter(Date.now() - child.startedAt, hasServed);
    this.#options.log('error', 'process-ended', { ...ended, restartInMs: delayMs });
    this.#restart = setTimeout(() => {
      this.start().catch((error: unknown) => {
        this.#options.log('error', 'process-not-ready', {
          message: error instanceof Error ? error.message : String(error),
        });
        this.#process?.kill();
      });
    }, delayMs);
  }
}
