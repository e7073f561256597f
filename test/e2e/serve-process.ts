/** `portolan serve` as a real process: launcher, supervisor and workerd processes, driven over real sockets. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import { procText } from '../faults/process-facts.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const cli = ['--conditions=portolan-source', path.join(root, 'src', 'cli.ts')];

export type LogLine = {
  readonly level: string;
  readonly process: string;
  readonly event: string;
  readonly [key: string]: unknown;
};

export type ServeStatus = {
  readonly ready: boolean;
  readonly version: string | null;
  readonly sequence: number | null;
  readonly upstreams: number;
  readonly objects: { readonly pid: number | null; readonly state: string; readonly restarts: number };
  readonly edges: readonly {
    readonly name: string;
    readonly pid: number | null;
    readonly state: string;
    readonly version: string | null;
    readonly restarts: number;
  }[];
};

export type ServeProcess = {
  readonly port: number;
  readonly base: string;
  readonly folder: string;
  readonly state: string;
  /** Of the launcher. */
  readonly pid: number;
  readonly supervisorPid: number;
  readonly log: readonly LogLine[];
  readonly errors: () => string;
  /** Resolves with the first line, seen or to come, that passes. */
  next(test: (line: LogLine) => boolean, from?: number): Promise<LogLine>;
  admin(method: 'GET' | 'POST', path: string): Promise<{ status: number; body: unknown }>;
  status(): Promise<ServeStatus>;
  publish(manifest: string): Promise<Ran>;
  exited: Promise<number | null>;
  close(signal?: NodeJS.Signals): Promise<number | null>;
};

export type ServeInput = {
  /** Manifests by file name; given with -f when there are any and `sources` is not false. */
  readonly files?: Readonly<Record<string, string>>;
  readonly sources?: boolean;
  /** Text of a configuration, for example with the addresses of backends. */
  readonly config?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** One command to its end. */
export function run(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  stdin = '',
): Promise<Ran> {
  const child = spawn(process.execPath, [...cli, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  child.stdin.end(stdin);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

export function servePlace(input: ServeInput): { readonly base: string; readonly args: readonly string[] } {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
  fs.mkdirSync(path.join(base, 'manifests'));
  for (const [name, text] of Object.entries(input.files ?? {}))
    fs.writeFileSync(path.join(base, 'manifests', name), text);
  if (input.config !== undefined) fs.writeFileSync(path.join(base, 'portolan.config.mjs'), input.config);
  const sources =
    input.sources === false
      ? []
      : ['-f', 'manifests', '--config', input.config === undefined ? 'none' : 'portolan.config.mjs'];
  return { base, args: ['serve', '--port', '0', '--state', 'state', ...sources, ...(input.args ?? [])] };
}

export async function startServe(input: ServeInput): Promise<ServeProcess> {
  const { base, args } = servePlace(input);
  const child = spawn(process.execPath, [...cli, ...args], {
    cwd: base,
    env: { ...process.env, ...input.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const log: LogLine[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.push(JSON.parse(line) as LogLine);
    for (const look of waiting) look();
  });
  const next: ServeProcess['next'] = (test, from = 0) =>
    new Promise((resolve, reject) => {
      const finish = (act: () => void): void => {
        clearTimeout(timer);
        waiting.delete(look);
        act();
      };
      const fail = (why: string): void =>
        finish(() => reject(new Error(`${why}\n${errors}\n${log.map((line) => JSON.stringify(line)).join('\n')}`)));
      const timer = setTimeout(() => fail('no such line within 30 s'), 30_000);
      const look = (): void => {
        const found = log.slice(from).find(test);
        if (found !== undefined) finish(() => resolve(found));
      };
      waiting.add(look);
      void exited.then((code) => setTimeout(() => fail(`serve exited with ${code}`), 200));
      look();
    });
  const ready = await next(({ event }) => event === 'ready');
  const state = path.join(base, 'state');
  const admin: ServeProcess['admin'] = (method, target) => askSocket(path.join(state, 'admin.sock'), method, target);
  return {
    port: Number(String(ready['address']).split(':').at(-1)),
    base,
    folder: path.join(base, 'manifests'),
    state,
    pid: child.pid ?? 0,
    supervisorPid: childrenOf(child.pid ?? 0)[0] ?? 0,
    log,
    errors: () => errors,
    next,
    admin,
    status: async () => (await admin('GET', '/status')).body as ServeStatus,
    publish: (manifest) => {
      fs.writeFileSync(path.join(base, 'published.yaml'), manifest);
      const config = input.config === undefined ? 'none' : 'portolan.config.mjs';
      return run(
        ['publish', '--to', 'dir:state', '-f', 'published.yaml', '--config', config, '--json'],
        base,
        input.env,
      );
    },
    exited,
    close: async (signal = 'SIGTERM') => {
      child.kill(signal);
      const deadline = setTimeout(() => child.kill('SIGKILL'), 20_000);
      const code = await exited;
      clearTimeout(deadline);
      fs.rmSync(base, { recursive: true, force: true });
      return code;
    },
  };
}

function childrenOf(pid: number): number[] {
  const text = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

export function isAlive(pid: number): boolean {
  const status = procText(`${pid}/status`);
  // A zombie that its new parent has not collected yet is gone for everybody else.
  return status !== '' && !/^State:\s+Z/m.test(status);
}

/** Every workerd whose configuration lies below this folder. */
export function runtimesIn(base: string): number[] {
  return fs.readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || !isAlive(Number(name))) return [];
    const command = procText(`${name}/cmdline`);
    return command.includes('workerd') && command.includes(`${base}/`) ? [Number(name)] : [];
  });
}

function askSocket(socketPath: string, method: string, target: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, method, path: target, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown }));
    });
    request.end();
  });
}

export async function eventually(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never: ${what}`);
}
