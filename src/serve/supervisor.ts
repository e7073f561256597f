/**
 * `portolan serve`: one supervisor, N edge processes on one listening socket, one process for the
 * Durable Objects. The supervisor carries no request; it decides which program the others serve.
 *
 * A new program that needs no new binding is pushed to running processes. One that does is served by
 * exchanged processes: they keep the old program until each of them is replaced.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { JWK } from 'jose';
import { UserError } from '../diagnostics/errors.ts';
import { POINTER_KEY } from '../program/keys.ts';
import type { ProgramStore } from '../program/program-store.ts';
import type { CompiledUpstream } from '../program/route-program.ts';
import { readPepper } from '../stores/pepper-file.ts';
import { openKeysFolder, openStateFolder } from '../stores/state-folder.ts';
import { watchPaths, type Watcher } from '../follow/watch.ts';
import { startAdminServer, type AdminAddress, type AdminServer } from './admin-server.ts';
import { EdgeFleet } from './edge-fleet.ts';
import { claimNodeFolder, type NodeFolder } from './node-folder.ts';
import { ObjectsProcess } from './objects-process.ts';
import { killOrphans, ProcessTable } from './process-table.ts';
import { edgeConfig, objectsConfig, WORKER_FILE } from './runtime-config.ts';
import { secretBindings, secretVariables } from './secret-variables.ts';
import { SerialQueue } from './serial-queue.ts';
import type { ServeLog } from './serve-log.ts';
import { assertWhole, readStoredProgram, type StoredProgram } from './stored-program.ts';
import { readTlsOf, summarizeProblems, type TlsReading } from '../tls/tls-files.ts';
import { upstreamServices } from './upstream-service.ts';

/** Should every push be lost, an edge process sees a new pointer after this long by itself. */
const REFRESH_MS = 2_000;
/** The pointer's rename is one event; others of the same folder are of no interest. */
const POINTER_QUIET_MS = 2;

export type SupervisorOptions = {
  readonly stateFolder: string;
  /** What relative paths of TLS files begin at. */
  readonly workingFolder: string;
  readonly workerCode: string;
  readonly processes: number;
  /** Default: `admin.sock` of the state folder. */
  readonly admin: AdminAddress | null;
  /** How long requests in flight may take after their process was told to stop. */
  readonly drainMs: number;
  /** Descriptor of the public listening socket. */
  readonly listener: number;
  /** When given, programs must be signed with it. */
  readonly verifyKey: JWK | readonly JWK[] | null;
  /** By name, without a prefix. A pepper that is not among them is taken from the state folder, which gets one if need be. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Publishes the sources into the store before anything is started; absent: what lies there is served. */
  readonly prepare?: (store: ProgramStore) => Promise<void>;
  readonly logOf: (process: string) => ServeLog;
  /** Called once with what kills every process at once, for a supervisor that has no time left. */
  readonly onTable: (killAll: () => void) => void;
};

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #log: ServeLog;
  readonly #queue = new SerialQueue();
  readonly #folder: NodeFolder;
  readonly store: ProgramStore;
  readonly #table: ProcessTable;
  readonly #objects: ObjectsProcess;
  readonly #fleet: EdgeFleet;
  #admin: AdminServer | undefined;
  #watcher: Watcher | undefined;
  #bound: ReadonlySet<string> = new Set();
  #tls: TlsReading['materials'] = new Map();
  #program: StoredProgram | null = null;
  #configs = 0;
  #started = false;
  #stopping = false;

  /** Throws UserError, and then nothing is left running. */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const folder = await claimNodeFolder(options.stateFolder);
    try {
      const store = await openStateFolder(options.stateFolder);
      await openKeysFolder(options.stateFolder);
      const secrets = { KEY_PEPPER: await readPepper(options.stateFolder), ...options.secrets };
      const supervisor = new Supervisor({ ...options, secrets }, folder, store);
      try {
        await supervisor.#start();
      } catch (error) {
        await supervisor.stop();
        throw error;
      }
      return supervisor;
    } catch (error) {
      await folder.release();
      throw error;
    }
  }

  private constructor(options: SupervisorOptions, folder: NodeFolder, store: ProgramStore) {
    const { logOf, processes, listener, drainMs, secrets } = options;
    this.#options = options;
    this.#folder = folder;
    this.store = store;
    this.#log = logOf('supervisor');
    const orphans = killOrphans(folder.run);
    if (orphans > 0) this.#log('warning', 'orphans-killed', { processes: orphans });
    this.#table = new ProcessTable(folder.run);
    options.onTable(() => this.#table.killAll());
    const shared = { runFolder: folder.run, table: this.#table };
    const configFile = path.join(folder.run, 'objects.capnp');
    this.#objects = new ObjectsProcess({ ...shared, configFile, log: logOf('objects') });
    this.#fleet = new EdgeFleet({
      ...shared,
      processes,
      listener,
      drainMs,
      logOf,
      variables: secretVariables(secrets),
    });
  }

  /** Looks at the store and makes every process serve what is there. Returns the version that is live afterwards. */
  reload(): Promise<string | null> {
    return this.#queue.run(() => this.#follow());
  }

  /** Exchanges every process: takes over changed certificates, and frees whatever the old ones held. */
  restart(): Promise<void> {
    return this.#queue.run(async () => {
      this.#program = await readStoredProgram(this.store, this.#options.verifyKey);
      await this.#roll('asked');
    });
  }

  /** Requests in flight finish, within the drain time. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#watcher?.close();
    await this.#fleet.stop();
    await this.#objects.stop();
    await this.#admin?.close();
    await this.#folder.release();
  }

  async #start(): Promise<void> {
    const { admin, prepare, workerCode } = this.#options;
    const { run, objects, adminSocket } = this.#folder;
    this.#admin = await startAdminServer(admin ?? { kind: 'unix', path: adminSocket }, {
      readiness: () => this.#readiness(),
      status: () => this.#status(),
      reload: async () => ({ version: await this.reload() }),
    });
    await removeStale(run);
    await fs.writeFile(path.join(run, WORKER_FILE), workerCode);
    await fs.writeFile(path.join(run, 'objects.capnp'), objectsConfig(objects), { mode: 0o600 });
    await prepare?.(this.store);
    this.#program = await this.#readOrNone();
    await this.#objects.start();
    await this.#fleet.start(await this.#writeConfig());
    this.#started = true;
    this.#watcher = watchPaths([path.join(this.#folder.kv, POINTER_KEY)], {
      quietMs: POINTER_QUIET_MS,
      onChange: () => void this.reload().catch(() => undefined),
    });
  }

  /** At start a store that cannot be trusted is one without a program: processes answer 503 until there is one. */
  async #readOrNone(): Promise<StoredProgram | null> {
    try {
      const program = await readStoredProgram(this.store, this.#options.verifyKey);
      if (program === null) this.#log('warning', 'no-program', { message: 'nothing is published yet: answering 503' });
      return program;
    } catch (error) {
      this.#log('error', 'program-unreadable', { message: messageOf(error) });
      return null;
    }
  }

  async #follow(): Promise<string | null> {
    if (!this.#started || this.#stopping) return this.#program?.version ?? null;
    const began = performance.now();
    try {
      const program = await readStoredProgram(this.store, this.#options.verifyKey);
      const before = this.#program;
      this.#program = program;
      if (program?.upstreams.every(({ id }) => this.#bound.has(id)) ?? true) await this.#fleet.reload();
      else await this.#roll('new-upstream');
      if (program !== null && program.sequence !== before?.sequence)
        this.#log('info', 'program-live', {
          version: program.version,
          sequence: program.sequence,
          tookMs: Math.round(performance.now() - began),
        });
      return program?.version ?? null;
    } catch (error) {
      this.#log('error', 'program-not-taken', { message: messageOf(error) });
      throw error;
    }
  }

  async #roll(reason: 'asked' | 'new-upstream'): Promise<void> {
    const began = performance.now();
    if (this.#program !== null) await assertWhole(this.store, this.#program);
    await this.#fleet.roll(await this.#writeConfig(), this.#program !== null);
    this.#log('info', 'rolled', { reason, tookMs: Math.round(performance.now() - began) });
  }

  async #writeConfig(): Promise<string> {
    const upstreams = this.#program?.upstreams ?? [];
    const { services, unusable } = upstreamServices(upstreams, await this.#readTls(upstreams));
    for (const { upstreamId, reason } of unusable)
      this.#log('error', 'upstream-unusable', { upstream: upstreamId, message: `${reason}: its routes refuse` });
    this.#bound = new Set(upstreams.map(({ id }) => id));
    this.#configs += 1;
    const file = path.join(this.#folder.run, `edge-${this.#configs}.capnp`);
    const { verifyKey, secrets } = this.#options;
    const text = edgeConfig({
      kvFolder: this.#folder.kv,
      keysFolder: this.#folder.keys,
      secrets: secretBindings(secrets),
      services,
      unbound: unusable.map(({ upstreamId }) => upstreamId),
      refreshMs: REFRESH_MS,
      verifyKey: verifyKey === null ? null : JSON.stringify(verifyKey),
    });
    await fs.writeFile(file, text, { mode: 0o600 });
    return file;
  }

  /** At start an unusable file is the end; later the rest is not to suffer. */
  async #readTls(upstreams: readonly CompiledUpstream[]): Promise<TlsReading['materials']> {
    const { materials, problems } = await readTlsOf(upstreams, this.#options.workingFolder, this.#tls);
    const problem = summarizeProblems(problems);
    if (problem !== null && !this.#started) throw new UserError(problem);
    for (const { upstreamId, message, kept } of problems)
      this.#log('error', 'tls-file-unusable', { upstream: upstreamId, message, usesEarlier: kept });
    this.#tls = materials;
    return materials;
  }

  #readiness(): string | null {
    if (this.#stopping) return 'stopping';
    if (!this.#started) return 'starting';
    const edges = this.#fleet.status();
    if (!edges.some(({ state }) => state === 'ready')) return 'no edge process is up';
    return edges.some(({ version }) => version !== null) ? null : 'no program is loaded';
  }

  async #status(): Promise<object> {
    return {
      ready: this.#readiness() === null,
      version: this.#program?.version ?? null,
      sequence: this.#program?.sequence ?? null,
      upstreams: this.#program?.upstreams.length ?? 0,
      objects: this.#objects.status(),
      edges: await this.#fleet.statusWithLimits(),
    };
  }
}

/** Sockets and configurations of earlier processes. */
async function removeStale(run: string): Promise<void> {
  const stale = (await fs.readdir(run)).filter((name) => /^edge-.*\.(?:sock|capnp)$/.test(name));
  await Promise.all(stale.map((name) => fs.rm(path.join(run, name), { force: true })));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
