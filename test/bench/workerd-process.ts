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

export type WorkerdOptions = {
  /** Bundled ES module. */
  readonly code: string;
  /** Folder for the configuration, the Durable Objects and the log. */
  readonly folder: string;
  /** Folder of KV values, bound as `ROUTES`. */
  readonly kvFolder?: string;
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
};

export type WorkerdProcess = {
  readonly port: number;
  /** 0 without `control`. */
  readonly controlPort: number;
  readonly pid: number;
  close(): Promise<void>;
};

export async function startWorkerd(options: WorkerdOptions): Promise<WorkerdProcess> {
  fs.mkdirSync(path.join(options.folder, 'objects'), { recursive: true });
  const port = await freePort();
  const controlPort = options.control === true ? await freePort() : 0;
  const configFile = path.join(options.folder, 'config.capnp');
  fs.writeFileSync(path.join(options.folder, 'worker.js'), options.code);
  fs.writeFileSync(configFile, renderConfig(options, port, controlPort));
  const log = fs.openSync(path.join(options.folder, 'workerd.log'), 'a');
  const child = spawn(workerdBinary(), ['serve', configFile], { stdio: ['ignore', log, log] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await waitForPort(port, child, path.join(options.folder, 'workerd.log'));
  return {
    port,
    controlPort,
    pid: child.pid ?? 0,
    close: async () => {
      child.kill('SIGTERM');
      const deadline = setTimeout(() => child.kill('SIGKILL'), 3000);
      await exited;
      clearTimeout(deadline);
      fs.closeSync(log);
    },
  };
}

/** The binary of the workerd that miniflare uses, so that all suites run one build. */
export function workerdBinary(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('miniflare'));
  return (require('workerd') as { default: string }).default;
}

function renderConfig(options: WorkerdOptions, port: number, controlPort: number): string {
  const { folder, kvFolder, kvAddress, objects = {}, backends, text = {}, v8Flags = [] } = options;
  const bindings = [
    ...(kvFolder === undefined && kvAddress === undefined ? [] : ['(name = "ROUTES", kvNamespace = "kv")']),
    ...Object.entries(objects).map(
      ([name, className]) => `(name = "${name}", durableObjectNamespace = "${className}")`,
    ),
    ...Object.keys(backends).map((name) => `(name = "${name}", service = "${name}")`),
    ...Object.entries(text).map(([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`),
  ];
  const services = [
    '(name = "main", worker = .main)',
    `(name = "objects", disk = (path = ${JSON.stringify(path.join(folder, 'objects'))}, writable = true))`,
    ...(kvFolder === undefined ? [] : [`(name = "kv", disk = (path = ${JSON.stringify(kvFolder)}, writable = true))`]),
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
