/** Edge and objects processes with the configurations that `serve` writes, but without its supervisor. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import { buildProgram } from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { DEFAULT_OBJECTS } from '../../src/objects/limit-objects.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { publishProgram } from '../../src/program/publish.ts';
import type { CompiledUpstream } from '../../src/program/route-program.ts';
import { edgeConfig, objectsConfig, OBJECTS_SOCKET, WORKER_FILE } from '../../src/serve/runtime-config.ts';
import { answers } from '../../src/sockets/unix-socket.ts';
import { upstreamServices } from '../../src/serve/upstream-service.ts';
import { WorkerdProcess } from '../../src/serve/workerd-process.ts';
import { keysFolderOf, openKeysFolder, openStateFolder } from '../../src/stores/state-folder.ts';
import { readTlsOf } from '../../src/tls/tls-files.ts';
import { freePort } from '../bench/workerd-process.ts';

export type Edge = {
  readonly process: WorkerdProcess;
  readonly url: string;
  /** POST /reload of its control socket: the version served afterwards. */
  reload(): Promise<string | null>;
  status(): Promise<Readonly<Record<string, unknown>>>;
};

export type Published = { readonly version: string; readonly upstreams: readonly CompiledUpstream[] };

export type EdgeStart = {
  /** Upstreams that have no binding on purpose. */
  readonly unbound?: readonly string[];
  /** Default: those of `serve`. */
  readonly v8Flags?: readonly string[];
  /** The configuration with something else in it. */
  readonly change?: (config: string) => string;
};

export class EdgeStand {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
  readonly #processes: WorkerdProcess[] = [];
  readonly #lines: string[] = [];

  static async create(): Promise<EdgeStand> {
    const stand = new EdgeStand();
    fs.mkdirSync(path.join(stand.folder, 'objects'));
    fs.writeFileSync(path.join(stand.folder, WORKER_FILE), (await bundleWorker({ minify: true })).code);
    return stand;
  }

  /** What the processes have written so far. */
  log(): string {
    return this.#lines.join('\n');
  }

  /** `config`: as the default export of routes.config.ts. Throws when it has findings. */
  async publish(config: unknown): Promise<Published> {
    const findings: Finding[] = [];
    const parsed = parseConfig(config, (finding) => findings.push(finding), 'routes.config.ts');
    const { program, accepted } = buildProgram(
      { objects: [], config: parsed, initialFindings: findings },
      { target: 'self-hosted', unresolved: 'refuse', now: '2026-01-01T00:00:00.000Z' },
    );
    const bad = findings.find(({ severity }) => severity !== 'info');
    if (bad !== undefined) throw new Error(`The input has findings: ${bad.code}: ${bad.message}`);
    const { version } = await publishProgram(await openStateFolder(this.folder), await encodeProgram(program), {
      now: new Date().toISOString(),
      sources: accepted,
    });
    return { version: version ?? '', upstreams: program.upstreams };
  }

  /** Starts the process that holds the counters, in so many objects; resolves when it takes calls. */
  async startObjects(objects = DEFAULT_OBJECTS): Promise<WorkerdProcess> {
    const socket = path.join(this.folder, OBJECTS_SOCKET);
    fs.rmSync(socket, { force: true });
    fs.writeFileSync(
      path.join(this.folder, 'objects.capnp'),
      objectsConfig(path.join(this.folder, 'objects'), objects),
    );
    const process = this.#spawn('objects.capnp', ['--socket-addr', `rpc=unix:${OBJECTS_SOCKET}`]);
    await this.#until(process, () => answers(socket));
    return process;
  }

  /** Starts an edge process, which has loaded nothing yet. `upstreams`: those that get a binding. */
  async startEdge(upstreams: readonly CompiledUpstream[], options: EdgeStart = {}): Promise<Edge> {
    const { unbound = [], v8Flags, change = (text) => text } = options;
    const [port, controlPort] = [await freePort(), await freePort()];
    const { services } = upstreamServices(upstreams, (await readTlsOf(upstreams, this.folder)).materials);
    const file = `edge-${port}.capnp`;
    const kvFolder = path.join(this.folder, 'kv');
    await openKeysFolder(this.folder);
    // Nothing but a call may make it look at the store: the tests say when.
    const config = edgeConfig({
      kvFolder,
      keysFolder: keysFolderOf(this.folder),
      secrets: [],
      services,
      unbound,
      refreshMs: 3_600_000,
      verifyKey: null,
      ...(v8Flags !== undefined && { v8Flags }),
    });
    fs.writeFileSync(path.join(this.folder, file), change(config));
    const addresses = [`http=127.0.0.1:${port}`, `control=127.0.0.1:${controlPort}`];
    const process = this.#spawn(
      file,
      addresses.flatMap((address) => ['--socket-addr', address]),
    );
    const control = `http://127.0.0.1:${controlPort}`;
    await this.#until(process, async () => (await fetch(control)).status === 404);
    return {
      process,
      url: `http://127.0.0.1:${port}`,
      reload: async () => {
        const answer = await fetch(`${control}/reload`, { method: 'POST' });
        return ((await answer.json()) as { version: string | null }).version;
      },
      status: async () => (await (await fetch(`${control}/status`)).json()) as Record<string, unknown>,
    };
  }

  async close(): Promise<void> {
    for (const process of this.#processes) process.kill();
    await Promise.all(this.#processes.map(({ ended }) => ended));
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(file: string, args: readonly string[]): WorkerdProcess {
    const process = new WorkerdProcess({
      configFile: path.join(this.folder, file),
      args,
      workingFolder: this.folder,
      onLine: (line) => this.#lines.push(line),
    });
    this.#processes.push(process);
    return process;
  }

  async #until(process: WorkerdProcess, check: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 1_000; attempt += 1) {
      if (process.hasEnded) throw new Error(`workerd ended at its start:\n${this.log()}`);
      if (await check().catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`workerd does not answer:\n${this.log()}`);
  }
}
