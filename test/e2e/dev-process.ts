/** `portolan dev` as a real process, driven over real sockets. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { createInterface } from 'node:readline';

const root = path.resolve(import.meta.dirname, '..', '..');

export type DevJson = { readonly event: string; readonly [key: string]: unknown };

export type DevProcess = {
  readonly port: number;
  readonly ready: DevJson;
  /** Folder given with -f; files in it may be changed. */
  readonly folder: string;
  readonly state: string;
  readonly pid: number;
  /** Writes a file into the folder and resolves when the change was published (or refused). */
  change(file: string, text: string | null): Promise<DevJson>;
  close(): Promise<number | null>;
};

export async function startDev(
  files: Readonly<Record<string, string>>,
  args: readonly string[] = ['--config', 'none', '--port', '0'],
  stateFolder: string | null = null,
): Promise<DevProcess> {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-dev-'));
  const folder = path.join(base, 'manifests');
  fs.mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  const state = stateFolder ?? path.join(base, 'state');
  const cli = [path.join(root, 'src', 'cli.ts'), 'dev', '-f', folder, '--state', state, '--json', ...args];
  const child = spawn(process.execPath, ['--conditions=portolan-source', ...cli], {
    cwd: base,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const seen: DevJson[] = [];
  const waiting: { test: (event: DevJson) => boolean; resolve: (event: DevJson) => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as DevJson;
    seen.push(event);
    const index = waiting.findIndex(({ test }) => test(event));
    if (index >= 0) waiting.splice(index, 1)[0]?.resolve(event);
  });
  const next = (test: (event: DevJson) => boolean): Promise<DevJson> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no such event within 60 s\n${errors}\n${JSON.stringify(seen)}`)),
        60_000,
      );
      void exited.then((code) => reject(new Error(`portolan dev exited with ${code}\n${errors}`)));
      waiting.push({
        test,
        resolve: (event) => {
          clearTimeout(timer);
          resolve(event);
        },
      });
    });
  const ready = await next(({ event }) => event === 'ready');
  return {
    port: Number(new URL(String(ready['url'])).port),
    ready,
    folder,
    state,
    pid: child.pid ?? 0,
    change: (file, text) => {
      const published = next(({ event }) => event === 'published' || event === 'failed');
      if (text === null) fs.rmSync(path.join(folder, file));
      else fs.writeFileSync(path.join(folder, file), text);
      return published;
    },
    close: async () => {
      child.kill('SIGTERM');
      const deadline = setTimeout(() => child.kill('SIGKILL'), 10_000);
      const code = await exited;
      clearTimeout(deadline);
      fs.rmSync(base, { recursive: true, force: true });
      return code;
    },
  };
}

export type Answer = {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  json(): unknown;
};

export type Ask = {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  readonly agent?: http.Agent | false;
};

/** One request with the target exactly as written. */
export function ask(port: number, target: string, options: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      port,
      path: target,
      method: options.method ?? 'GET',
      headers: { host: `127.0.0.1:${port}`, ...options.headers },
      setHost: false,
      agent: options.agent ?? false,
    });
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body,
          json: () => JSON.parse(body.toString()) as unknown,
        });
      });
    });
    request.on('error', reject);
    request.end(options.body);
  });
}

/** The echo backend's answer. */
export type Echo = {
  readonly service: string;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly bodySha256: string;
  readonly bodyBytes: number;
};

export function echoOf(answer: Answer): Echo {
  return answer.json() as Echo;
}

export function headerValues({ headers }: Echo, name: string): string[] {
  return headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}
