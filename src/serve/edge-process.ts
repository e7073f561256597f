/** One edge process: the public listener's descriptor, a private control socket, and the program it serves. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import type { ServeLog } from './serve-log.ts';
import { relayRuntimeLine } from './serve-log.ts';
import { askSocket } from '../sockets/unix-socket.ts';
import { endedAtStart, WorkerdProcess } from './workerd-process.ts';

export type EdgeOptions = {
  readonly configFile: string;
  readonly runFolder: string;
  /** Unique among all processes of this node's life. */
  readonly name: string;
  /** Descriptor of the listening socket. */
  readonly listener: number;
  /** Environment variables with secrets. */
  readonly variables: Readonly<Record<string, string>>;
  readonly log: ServeLog;
};

/** A process that has not answered by then will not. */
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 10;
/** Whoever asks for the status of a node does not wait for a process that is busy. */
const STATUS_TIMEOUT_MS = 500;
/** Loading a large program takes a while on a busy machine. */
const RELOAD_TIMEOUT_MS = 30_000;
/** How long answers are held back before a process stops, and when in between it is told to. */
const GATHER_MS = 200;
const SIGNAL_AFTER_MS = 100;

export class EdgeProcess {
  readonly process: WorkerdProcess;
  readonly #socket: string;

  constructor({ configFile, runFolder, name, listener, variables, log }: EdgeOptions) {
    const socketName = `${name}.sock`;
    this.#socket = path.join(runFolder, socketName);
    this.process = new WorkerdProcess({
      configFile,
      args: ['--socket-fd', 'http=3', '--socket-addr', `control=unix:${socketName}`],
      workingFolder: runFolder,
      listener,
      variables,
      onLine: (line) => relayRuntimeLine(line, log),
    });
    // The runtime leaves the file behind.
    void this.process.ended.then(() => fs.rmSync(this.#socket, { force: true }));
  }

  /**
   * Waits until the process answers and has loaded what there is. Returns the version it serves; null: none.
   *
   * @throws UserError when it ends instead
   */
  async ready(): Promise<string | null> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        return await this.reload();
      } catch (error) {
        if (this.process.hasEnded) throw new UserError(endedAtStart('an edge process', this.process));
        if (Date.now() > deadline) throw new Error(`no answer within ${START_TIMEOUT_MS} ms`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  }

  /**
   * Answers are held back for a moment around the signal to stop, so that busy connections hear with
   * their answer that they end. Resolves when the process was told and accepts nothing new.
   */
  async tellToStop(): Promise<void> {
    try {
      await askSocket(this.#socket, { method: 'POST', path: `/gather?ms=${GATHER_MS}` }, GATHER_MS);
      await new Promise((resolve) => setTimeout(resolve, SIGNAL_AFTER_MS));
    } catch {
      // It does not answer: then nothing it could still say is worth waiting for.
    }
    this.process.terminate();
  }

  /** Makes the process look at the pointer now. Returns the version it serves afterwards. */
  async reload(): Promise<string | null> {
    const answer = await askSocket(this.#socket, { method: 'POST', path: '/reload' }, RELOAD_TIMEOUT_MS);
    if (answer.status !== 200) throw new Error(`the process answered ${answer.status} to a reload`);
    return versionOf(JSON.parse(answer.body));
  }

  /** Requests under rate limits, by what became of them; null: it cannot be asked now. */
  async limits(): Promise<object | null> {
    try {
      const { body } = await askSocket(this.#socket, { method: 'GET', path: '/status' }, STATUS_TIMEOUT_MS);
      return limitsOf(JSON.parse(body));
    } catch {
      return null;
    }
  }
}

/** null: it answers something else. */
function limitsOf(answer: unknown): object | null {
  if (typeof answer !== 'object' || answer === null || !('limits' in answer)) return null;
  return typeof answer.limits === 'object' ? answer.limits : null;
}

function versionOf(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null || !('version' in answer)) return null;
  return typeof answer.version === 'string' ? answer.version : null;
}
