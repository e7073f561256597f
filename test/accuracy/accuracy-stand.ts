/**
 * The processes of `portolan serve` with the configurations and the restarts that it gives them: edge
 * processes on one listening socket and one objects process, joined by RPC over a Unix socket. Only what
 * runs in them is the measurement's own, see edge-worker.ts and objects-worker.ts.
 */
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { descriptorOf } from '../../src/serve/listener.ts';
import { DEFAULT_OBJECTS } from '../../src/objects/limit-objects.ts';
import { ObjectsProcess } from '../../src/serve/objects-process.ts';
import { ProcessTable } from '../../src/serve/process-table.ts';
import { edgeConfig, objectsConfig, WORKER_FILE } from '../../src/serve/runtime-config.ts';
import { answers } from '../../src/sockets/unix-socket.ts';
import { WorkerdProcess } from '../../src/serve/workerd-process.ts';
import { bundleHarness } from './bundle-harness.ts';
import { HarnessConnection } from './harness-connection.ts';
import type { AskAnswer, Decision, Records } from './protocol.ts';
import type { LimitAnswer, LimitCall } from '../../src/limits/calls.ts';

/** Connections beyond those that are wanted; which process takes one is the kernel's choice. */
const MOST_SPARE = 2_000;
const START_TIMEOUT_MS = 20_000;

export class AccuracyStand {
  readonly #folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
  readonly #lines: string[] = [];
  readonly #edges: WorkerdProcess[] = [];
  readonly #connections: HarnessConnection[] = [];
  #objects: ObjectsProcess | null = null;
  #port = 0;

  static async start(processes: number): Promise<AccuracyStand> {
    const stand = new AccuracyStand();
    try {
      await stand.#write();
      await stand.startObjects();
      await stand.#startEdges(processes);
      await stand.#untilEdgesAnswer();
    } catch (error) {
      await stand.close();
      throw error;
    }
    return stand;
  }

  get processes(): number {
    return this.#edges.length;
  }

  /** What the processes have written so far. */
  log(): string {
    return this.#lines.join('\n');
  }

  async startObjects(): Promise<void> {
    this.#objects = new ObjectsProcess({
      configFile: this.#path('objects', 'objects.capnp'),
      runFolder: this.#folder,
      table: new ProcessTable(this.#folder),
      log: (level, event, fields) => this.#lines.push(JSON.stringify({ level, event, ...fields })),
    });
    await this.#objects.start();
  }

  /** As a crash ends it; `serve` starts it again by itself. Waits until there is one. */
  async killObjects(): Promise<void> {
    for (;;) {
      const { pid, state } = this.#objects?.status() ?? { pid: null, state: 'down' };
      if (state === 'ready' && pid !== null) {
        process.kill(pid, 'SIGKILL');
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** As `serve` stops it. */
  async stopObjects(): Promise<void> {
    await this.#objects?.stop();
  }

  /** Resolves with `count` connections, as many to one edge process as to another. */
  async connect(count: number): Promise<readonly HarnessConnection[]> {
    const wanted = Math.ceil(count / this.processes);
    const byProcess = new Map<string, HarnessConnection[]>();
    for (let opened = 0; opened < MOST_SPARE + count; opened += 1) {
      const connection = await HarnessConnection.open(this.#port);
      const process = await connection.process();
      const found = byProcess.get(process) ?? [];
      if (found.length < wanted) {
        found.push(connection);
        this.#connections.push(connection);
      } else connection.close();
      byProcess.set(process, found);
      const all = [...byProcess.values()];
      if (all.length === this.processes && all.every(({ length }) => length === wanted))
        return interleaved(all).slice(0, count);
    }
    throw new Error(
      `Not all of ${this.processes} edge processes take connections: ${[...byProcess.keys()].join(', ')}.`,
    );
  }

  /** What the objects decided since this was last asked, in no order. */
  async records(): Promise<readonly Decision[]> {
    const connection = await HarnessConnection.open(this.#port);
    const decisions: Decision[] = [];
    for (;;) {
      const records = await connection.ask<Records>('/records', {});
      decisions.push(...records.decisions);
      if (!records.hasMore) break;
    }
    connection.close();
    return decisions;
  }

  async ask(calls: readonly LimitCall[]): Promise<readonly LimitAnswer[]> {
    const connection = await HarnessConnection.open(this.#port);
    try {
      return (await connection.ask<AskAnswer>('/ask', { calls })).answers;
    } finally {
      connection.close();
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    for (const edge of this.#edges) edge.kill();
    await Promise.all(this.#edges.map(({ ended }) => ended));
    await this.#objects?.stop();
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  #path(...parts: readonly string[]): string {
    return path.join(this.#folder, ...parts);
  }

  async #write(): Promise<void> {
    for (const name of ['objects', 'edge', 'disk', 'kv', 'keys']) fs.mkdirSync(this.#path(name));
    fs.writeFileSync(this.#path('objects', WORKER_FILE), await bundleHarness('objects-worker.ts'));
    fs.writeFileSync(this.#path('objects', 'objects.capnp'), objectsConfig(this.#path('disk'), DEFAULT_OBJECTS));
    fs.writeFileSync(this.#path('edge', WORKER_FILE), await bundleHarness('edge-worker.ts'));
    const config = edgeConfig({
      kvFolder: this.#path('kv'),
      keysFolder: this.#path('keys'),
      secrets: [],
      services: [],
      unbound: [],
      refreshMs: 3_600_000,
      verifyKey: null,
    });
    fs.writeFileSync(this.#path('edge', 'edge.capnp'), config);
  }

  #startEdges(processes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = net.createServer();
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
        this.#port = (server.address() as net.AddressInfo).port;
        // Within one turn of the event loop, so that this process itself accepts nothing.
        const listener = descriptorOf(server);
        for (let number = 1; number <= processes; number += 1) this.#edges.push(this.#startEdge(number, listener));
        server.close();
        resolve();
      });
    });
  }

  /** Each on a socket of its own: the shared one answers as soon as the first is up. */
  async #untilEdgesAnswer(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (let number = 1; number <= this.processes; number += 1) {
      while (!(await answers(this.#path(`edge-${number}.sock`)))) {
        if (Date.now() > deadline || this.#edges.some(({ hasEnded }) => hasEnded))
          throw new Error(`Edge process ${number} does not answer:\n${this.log()}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  #startEdge(number: number, listener: number): WorkerdProcess {
    return new WorkerdProcess({
      configFile: this.#path('edge', 'edge.capnp'),
      args: ['--socket-fd', 'http=3', '--socket-addr', `control=unix:edge-${number}.sock`],
      workingFolder: this.#folder,
      listener,
      onLine: (line) => this.#lines.push(line),
    });
  }
}

/** So that the first N of them are spread evenly too. */
function interleaved<Item>(lists: readonly (readonly Item[])[]): readonly Item[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}
