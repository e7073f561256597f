/**
 * `portolan dev`: build, publish, serve, watch, republish.
 *
 * The port opens only when the first program is in KV and every backend it names listens, so the
 * first request a person sends is answered by the routes they wrote.
 */
import * as net from 'node:net';
import type { BuildInput, BuildOptions, BuildResult } from '../compile/build-program.ts';
import { UserError } from '../diagnostics/errors.ts';
import { renderFindings } from '../diagnostics/render.ts';
import { reasonNotToPublish } from '../follow/reason-not-to-publish.ts';
import { followSources, type SourceFollower } from '../follow/follow-sources.ts';
import { SecretKeys, withSecrets, type SecretReader } from '../follow/secret-keys.ts';
import { SourcePublisher } from '../follow/source-publisher.ts';
import type { ProgramStore, PublishReport } from '../program/publish.ts';
import type { CompiledUpstream } from '../program/route-program.ts';
import { readPepper } from '../stores/pepper-file.ts';
import { startCountersSocket, type CountersSocket } from './counters-socket.ts';
import { EchoPool } from './echo-pool.ts';
import { readTlsOf, summarizeProblems, type TlsReading } from '../tls/tls-files.ts';
import {
  MAX_DIRECT_BINDINGS,
  startGatewayRuntime,
  type BackendPlace,
  type GatewayRuntime,
  type GatewayRuntimeOptions,
} from './gateway-runtime.ts';
import { listeningPort } from './listening-port.ts';
import { KEYS_BINDING, kvStore, openLocalStore } from './local-store.ts';
import { startRelay, type RelayServer } from './relay-server.ts';

/** What one reading of the sources gives. */
export type LoadedSources = {
  readonly input: BuildInput;
  readonly watch: readonly string[];
  /** Reads the Secrets that lie among them. */
  readonly secretReader: SecretReader;
};

export type DevOptions = {
  readonly port: number;
  readonly stateFolder: string;
  /** What relative paths of TLS files begin at. */
  readonly workingFolder: string;
  readonly workerCode: string;
  readonly build: Omit<BuildOptions, 'previous' | 'now'>;
  /** Echo backends for services that the configuration does not resolve. */
  readonly echo: boolean;
  /** By name, without a prefix. A pepper that is not among them is taken from the state folder. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Reads the sources afresh; throws UserError when there is nothing to read. */
  readonly load: () => Promise<LoadedSources>;
  readonly onEvent: (event: DevEvent) => void;
};

export type DevEvent =
  | {
      readonly type: 'published';
      readonly result: BuildResult;
      readonly report: PublishReport;
      readonly tookMs: number;
    }
  /** The sources could not be read; the last program keeps serving. */
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'log'; readonly line: string };

export type DevServer = {
  readonly url: string;
  /** The first build, already reported as an event. */
  readonly first: BuildResult;
  /** Where each backend listens, by upstream id. */
  readonly backends: ReadonlyMap<string, URL>;
  close(): Promise<void>;
};

export async function startDevServer(options: DevOptions): Promise<DevServer> {
  const port = await reservePort(options.port);
  const run = new DevRun({ ...options, port });
  try {
    return await run.start();
  } catch (error) {
    await run.close();
    throw error;
  }
}

class DevRun {
  readonly #options: DevOptions;
  readonly #echoes = new EchoPool();
  readonly #backends = new Map<string, URL>();
  readonly #publisher: SourcePublisher;
  readonly #secretKeys: SecretKeys;
  #secretReader: SecretReader | undefined;
  #upstreams: ReadonlyMap<string, CompiledUpstream> = new Map();
  #tls: TlsReading['materials'] = new Map();
  #relay: RelayServer | undefined;
  #runtime: GatewayRuntime | undefined;
  #counters: CountersSocket | undefined;
  #follower: SourceFollower | undefined;

  constructor(options: DevOptions) {
    const { build, echo, secrets, stateFolder } = options;
    this.#options = options;
    this.#secretKeys = new SecretKeys({
      place: {
        open: () => this.#openKeys(),
        pepper: async () => secrets['KEY_PEPPER'] ?? (await readPepper(stateFolder)),
      },
      reader: { read: async (places) => (await this.#secretReader?.read(places)) ?? [] },
      clusters: [null],
      nowMs: () => Date.now(),
    });
    this.#publisher = new SourcePublisher({ build: { ...build, unresolved: echo ? 'echo' : build.unresolved } });
  }

  async start(): Promise<DevServer> {
    const { port, stateFolder, workerCode, secrets, onEvent } = this.#options;
    const sources = await this.#options.load();
    const local = await openLocalStore(stateFolder);
    let first: BuildResult;
    try {
      await this.#publisher.recall(local.store);
      first = await this.#publish(local.store, sources);
    } finally {
      // The gateway opens the same files.
      await this.#secretKeys.close();
      await local.close();
    }
    const direct = first.program.upstreams.slice(0, MAX_DIRECT_BINDINGS);
    this.#relay = await startRelay((id) => this.#placeOf(id));
    this.#runtime = await startGatewayRuntime({
      workerCode,
      stateFolder,
      port,
      relayPort: this.#relay.port,
      secrets: { KEY_PEPPER: await readPepper(stateFolder), ...secrets },
      upstreams: await this.#start(direct),
      onLog: (line) => onEvent({ type: 'log', line }),
    });
    this.#counters = await this.#startCounters(this.#runtime);
    const store = await kvStore(this.#runtime.miniflare);
    this.#follower = followSources({
      watch: sources.watch,
      load: this.#options.load,
      onLoaded: async (loaded) => void (await this.#publish(store, loaded)),
      onFailed: (message) => onEvent({ type: 'failed', message }),
    });
    return {
      url: `http://127.0.0.1:${port}`,
      first,
      backends: this.#backends,
      close: () => this.close(),
    };
  }

  async close(): Promise<void> {
    await this.#follower?.close();
    await this.#counters?.close();
    await this.#runtime?.close();
    await this.#relay?.close();
    await this.#echoes.close();
  }

  /** undefined: there is no place for its socket, which is no reason not to serve. */
  async #startCounters(runtime: GatewayRuntime): Promise<CountersSocket | undefined> {
    const { stateFolder, onEvent } = this.#options;
    try {
      return await startCountersSocket(stateFolder, (calls) => runtime.decide(calls));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      onEvent({ type: 'log', line: `\`portolan limits\` cannot ask this server for its counters: ${reason}` });
      return undefined;
    }
  }

  async #openKeys(): Promise<{ readonly store: ProgramStore; close(): Promise<void> }> {
    if (this.#runtime === undefined) return openLocalStore(this.#options.stateFolder, KEYS_BINDING);
    return { store: await kvStore(this.#runtime.miniflare, KEYS_BINDING), close: async () => undefined };
  }

  async #publish(store: ProgramStore, { input, secretReader }: LoadedSources): Promise<BuildResult> {
    const started = performance.now();
    this.#secretReader = secretReader;
    const looked = await this.#secretKeys.look(input, this.#publisher.accepted);
    const result = this.#publisher.build(withSecrets(input, looked));
    if (this.#runtime !== undefined) this.#assertHarmless(result);
    // Pruned at start only: listing keys through a busy runtime would make every change slower to go live.
    await this.#secretKeys.add(looked);
    const report = await this.#publisher.publish(store, result, this.#runtime === undefined);
    await this.#secretKeys.takeBack(looked, report.skipped === 'empty' ? null : result.accepted);
    await this.#readTls(result.program.upstreams);
    this.#upstreams = new Map(result.program.upstreams.map((upstream) => [upstream.id, upstream]));
    // A backend must listen before a request can be routed to it; the program is not loaded before reload().
    if (this.#runtime !== undefined) await this.#runtime.reload();
    this.#options.onEvent({ type: 'published', result, report, tookMs: performance.now() - started });
    return result;
  }

  #assertHarmless(result: BuildResult): void {
    const reason = reasonNotToPublish(result, this.#publisher.accepted);
    if (reason === null) return;
    const errors = result.findings.filter(({ severity }) => severity === 'error');
    throw new UserError(`${reason}\n${renderFindings(errors)}`);
  }

  /** At start an unusable file is the end; later only its own upstream suffers. */
  async #readTls(upstreams: readonly CompiledUpstream[]): Promise<void> {
    const real = upstreams.filter(({ resolvedBy }) => resolvedBy !== 'echo');
    const { materials, problems } = await readTlsOf(real, this.#options.workingFolder, this.#tls);
    const problem = summarizeProblems(problems);
    if (problem !== null && this.#runtime === undefined) throw new UserError(problem);
    for (const { message } of problems) this.#options.onEvent({ type: 'log', line: message });
    this.#tls = materials;
  }

  async #start(upstreams: readonly CompiledUpstream[]): Promise<GatewayRuntimeOptions['upstreams']> {
    const places = await Promise.all(upstreams.map((upstream) => this.#startBackend(upstream)));
    return upstreams.flatMap((upstream, index) => {
      const place = places[index] ?? null;
      return place === null ? [] : [{ upstream, place }];
    });
  }

  async #placeOf(upstreamId: string): Promise<BackendPlace | null> {
    const upstream = this.#upstreams.get(upstreamId);
    return upstream === undefined ? null : this.#startBackend(upstream);
  }

  /** null: its TLS files cannot be used. */
  async #startBackend(upstream: CompiledUpstream): Promise<BackendPlace | null> {
    const { id, origin, resolvedBy, service } = upstream;
    const address = resolvedBy === 'echo' ? await this.#echoes.urlOf(service) : new URL(origin);
    this.#backends.set(id, address);
    const tls = this.#tls.get(id) ?? null;
    return address.protocol === 'https:' && tls === null ? null : { address, tls };
  }
}

/** A port in use is one clear line, before anything else is started. 0 becomes a free one. */
async function reservePort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new UserError(`port ${port} is in use: stop what listens there or choose another with --port or PORT`)
          : new UserError(`cannot listen on 127.0.0.1:${port}: ${error.message}`),
      );
    });
    probe.listen(port, '127.0.0.1', () => {
      const free = listeningPort(probe);
      probe.close(() => resolve(free));
    });
  });
}
