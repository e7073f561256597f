/**
 * Starts one bare workerd with one Worker, for benches and for tests that need the production
 * runtime instead of miniflare: own Cap'n Proto configuration, KV as a disk folder, Durable Objects
 * on disk, one `external` service per backend.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as net from 'node:net';
import * as path from 'node:path';
import { descriptorOf } from '../../src/serve/listener.ts';

export type WorkerdOptions = {
  /** Bundled ES module. */
  readonly code: string;
  /** Folder for the configuration, the Durable Objects and the log. */
  readonly folder: string;
  /** Folder of KV values, bound as `ROUTES`. */
  readonly kvFolder?: string;
  /** Folder of API keys and users, bound as `KEYS`. */
  readonly keysFolder?: string;
  /** Address of a KV server, bound as `ROUTES` instead of a folder. */
  readonly kvAddress?: string;
  /** Opens a second port that leads to the entrypoint `Control`. Default false. */
  readonly control?: boolean;
  /** Durable Object class by binding name. */
  readonly objects?: Readonly<Record<string, string>>;
  /** Address (`127.0.0.1:9000`) by service binding name. */
  readonly backends: Readonly<Record<string, string>>;
  readonly text?: Readonly<Record<string, string>>;
  readonly v8Flags?: readonly string[];
  /** Plain fetch and `PUBLIC_NETWORK` reach every address, private ones too. Default false: plain fetch reaches public ones. */
  readonly opensNetwork?: boolean;
  /** More than one share one listening socket, as the edge processes of `serve` do. Default 1. */
  readonly processes?: number;
};

export type WorkerdProcess = {
  readonly port: number;
  /** 0 without `control`. */
  readonly controlPort: number;
  readonly pid: number;
  readonly pids: readonly number[];
  close(): Promise<void>;
};

export async function startWorkerd(options: WorkerdOptions): Promise<WorkerdProcess> {
  const { folder, processes = 1 } = options;
  fs.mkdirSync(path.join(folder, 'objects'), { recursive: true });
  const port = await freePort();
  const controlPort = options.control === true ? await freePort() : 0;
  const configFile = path.join(folder, 'config.capnp');
  fs.writeFileSync(path.join(folder, 'worker.js'), options.code);
  fs.writeFileSync(configFile, renderConfig(options, port, controlPort));
  const log = fs.openSync(path.join(folder, 'workerd.log'), 'a');
  const children =
    processes === 1 ? [spawnWorkerd(configFile, log)] : await spawnSharing(port, processes, configFile, log);
  const exited = children.map((child) => new Promise<void>((resolve) => child.once('exit', () => resolve())));
  for (const child of children) await waitForPort(port, child, path.join(folder, 'workerd.log'));
  const pids = children.map(({ pid }) => pid ?? 0);
  return {
    port,
    controlPort,
    pid: pids[0] ?? 0,
    pids,
    close: async () => {
      for (const child of children) child.kill('SIGTERM');
      const deadline = setTimeout(() => children.forEach((child) => child.kill('SIGKILL')), 3000);
      await Promise.all(exited);
      clearTimeout(deadline);
      fs.closeSync(log);
    },
  };
}

/** The floor that gateways are compared with. */
export function passThroughOptions(folder: string, backend: string): WorkerdOptions {
  const code = fs.readFileSync(path.join(import.meta.dirname, 'pass-through-worker.js'), 'utf8');
  return { code, folder, backends: { BACKEND: backend } };
}

function spawnWorkerd(configFile: string, log: number, listener?: number): ChildProcess {
  const shared = listener === undefined ? [] : ['--socket-fd', 'http=3'];
  return spawn(workerdBinary(), ['serve', configFile, ...shared], {
    stdio: ['ignore', log, log, ...(listener === undefined ? [] : [listener])],
  });
}

function spawnSharing(port: number, processes: number, configFile: string, log: number): Promise<ChildProcess[]> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, backlog: 4096 }, () => {
      // Within one turn of the event loop, so that this process itself accepts nothing.
      const listener = descriptorOf(server);
      resolve(Array.from({ length: processes }, () => spawnWorkerd(configFile, log, listener)));
      server.close();
    });
  });
}

/** The binary of the workerd that miniflare uses, so that all suites run one build. */
export function workerdBinary(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('miniflare'));
  return (require('workerd') as { default: string }).default;
}

function renderConfig(options: WorkerdOptions, port: number, controlPort: number): string {
  const { folder, kvFolder, keysFolder, kvAddress, objects = {}, backends, text = {}, v8Flags = [] } = options;
  const { opensNetwork = false } = options;
  const bindings = [
    ...(kvFolder === undefined && kvAddress === undefined ? [] : ['(name = "ROUTES", kvNamespace = "kv")']),
    ...(keysFolder === undefined ? [] : ['(name = "KEYS", kvNamespace = "keys")']),
    ...Object.entries(objects).map(
      ([name, className]) => `(name = "${name}", durableObjectNamespace = "${className}")`,
    ),
    ...Object.keys(backends).map((name) => `(name = "${name}", service = "${name}")`),
    ...Object.entries(text).map(([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`),
    ...(opensNetwork ? ['(name = "PUBLIC_NETWORK", service = "internet")'] : []),
  ];
  const services = [
    '(name = "main", worker = .main)',
    ...(opensNetwork ? ['(name = "internet", network = (allow = ["public", "private"]))'] : []),
    `(name = "objects", disk = (path = ${JSON.stringify(path.join(folder, 'objects'))}, writable = true))`,
    ...(kvFolder === undefined ? [] : [`(name = "kv", disk = (path = ${JSON.stringify(kvFolder)}, writable = true))`]),
    ...(keysFolder === undefined ? [] : [`(name = "keys", disk = (path = ${JSON.stringify(keysFolder)}))`]),
    ...(kvAddress === undefined ? [] : [`(name = "kv", external = (address = "${kvAddress}", http = ()))`]),
    ...Object.entries(backends).map(
      ([name, address]) => `(name = "${name}", external = (address = "${address}", http = ()))`,
    ),
  ];
  const namespaces = Object.values(objects).map(
    (name) => `(className = "${name}", uniqueKey = "${name}", enableSql = true)`,
  );
  const sockets = [
    `(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")`,
    ...(controlPort === 0
      ? []
      : [
          `(name = "control", address = "127.0.0.1:${controlPort}", http = (), service = (name = "main", entrypoint = "Control"))`,
        ]),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services.join(',\n    ')}],
  sockets = [${sockets.join(',\n    ')}],
  v8Flags = [${v8Flags.map((flag) => JSON.stringify(flag)).join(', ')}]
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["enable_request_signal"],
  bindings = [${bindings.join(',\n    ')}],
  durableObjectNamespaces = [${namespaces.join(', ')}],
  durableObjectStorage = (localDisk = "objects")
);
`;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function waitForPort(port: number, child: ChildProcess, logFile: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`workerd exited at start:\n${fs.readFileSync(logFile, 'utf8')}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`workerd does not listen on ${port}:\n${fs.readFileSync(logFile, 'utf8')}`);
}
