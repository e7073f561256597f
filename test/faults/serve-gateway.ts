/** `portolan serve` over a state folder as the gateway under test: launcher, supervisor, edge processes. */
import { spawn } from 'node:child_process';
import * as http from 'node:http';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { FaultGateway, GatewayStatus } from './gateway-process.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const START_MS = 30_000;
const END_MS = 20_000;

export type ServeGateway = FaultGateway & {
  /** To the launcher, as a service manager or a terminal would. */
  signal(name: NodeJS.Signals): void;
  /** Exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Process ids of the edge processes that serve now. */
  edgePids(): Promise<readonly number[]>;
  /** Process id of the process that holds the counters; null: it is down. */
  objectsPid(): Promise<number | null>;
};

export type ServeOptions = {
  /** What `portolan publish --to dir:` writes to. */
  readonly state: string;
  readonly processes: number;
  readonly drainSeconds?: number;
  /** Folder of manifests that it compiles and follows; absent: it serves what lies in `state`. */
  readonly sources?: string;
};

type ProcessStatus = { readonly pid: number | null; readonly state: string };
type NodeStatus = { readonly edges: readonly ProcessStatus[]; readonly objects: ProcessStatus };

/** Resolves when it serves a program. */
export async function startServeGateway({
  state,
  processes,
  drainSeconds = 15,
  sources,
}: ServeOptions): Promise<ServeGateway> {
  const options = ['--state', state, '--processes', String(processes), '--drain-seconds', String(drainSeconds)];
  if (sources !== undefined) options.push('-f', sources, '--config', 'none');
  const child = spawn(
    process.execPath,
    ['--conditions=portolan-source', path.join('src', 'cli.ts'), 'serve', '--port', '0', ...options],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const ready = await firstLine(child.stdout, exited);
  const admin = path.join(state, 'admin.sock');
  return {
    port: Number(String(ready['address']).split(':').at(-1)),
    pid: child.pid ?? 0,
    reload: async () => ((await askSocket(admin, 'POST', '/reload')) as GatewayStatus).version ?? null,
    status: async () => (await askSocket(admin, 'GET', '/status')) as GatewayStatus,
    signal: (name) => child.kill(name),
    exited,
    edgePids: async () => {
      const { edges } = (await askSocket(admin, 'GET', '/status')) as NodeStatus;
      return edges.flatMap(({ pid, state }) => (pid === null || state !== 'ready' ? [] : [pid]));
    },
    objectsPid: async () => ((await askSocket(admin, 'GET', '/status')) as NodeStatus).objects.pid,
    close: async () => {
      child.kill('SIGTERM');
      const deadline = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await exited;
      clearTimeout(deadline);
    },
  };
}

/** The log line that says where it listens. */
function firstLine(log: Readable, exited: Promise<unknown>): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('serve was not ready in time')), START_MS);
    createInterface({ input: log }).on('line', (text) => {
      const line = JSON.parse(text) as Readonly<Record<string, unknown>>;
      if (line['event'] !== 'ready') return;
      clearTimeout(timer);
      resolve(line);
    });
    void exited.then(() => reject(new Error('serve ended before it was ready')));
  });
}

function askSocket(socketPath: string, method: string, target: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, path: target, method, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(JSON.parse(text)));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}
