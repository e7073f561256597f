/**
 * The built Worker on bare workerd, serving a configuration whose routes demand an identity, before one
 * backend that tells what reached it. What policies ask (key sets, external authorisation) are real
 * servers of the test that uses it.
 */
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import { buildProgram } from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { bindingName } from '../../src/program/binding-name.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { publishProgram } from '../../src/program/publish.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { startWorkerd } from '../bench/workerd-process.ts';
import { bundleClockedWorker } from './bundle-clocked-worker.ts';

export type Arrived = {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
};

export type ProtectedStand = {
  readonly port: number;
  readonly pid: number;
  /** API keys and users: one file per name. */
  readonly keysFolder: string;
  /** Requests that reached the backend, in order. */
  readonly arrived: readonly Arrived[];
  readonly findings: readonly Finding[];
  log(): string;
  close(): Promise<void>;
};

export type StandInput = {
  /** The default export of a routes.config.ts; `BACKEND` as a backend is the recording one. */
  readonly config: unknown;
  /** Manifests beside it. Default none. */
  readonly yaml?: string;
  /** `SECRET_…` variables of the Worker. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Findings of severity error are a mistake of the test, unless this is true. */
  readonly allowErrors?: boolean;
  /** Keep what arrives; false for tests of many thousand requests, which count only. Default true. */
  readonly records?: boolean;
  /** The Worker's clock can be moved, see bundle-clocked-worker.ts. Default false. */
  readonly movesClock?: boolean;
  /** The Worker's own network reaches private addresses too, so that what it must not ask could be asked. Default false. */
  readonly opensNetwork?: boolean;
};

export async function startProtectedStand(input: StandInput): Promise<ProtectedStand> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-auth-'));
  const keysFolder = path.join(folder, 'keys');
  fs.mkdirSync(keysFolder, { mode: 0o700 });
  const arrived: Arrived[] = [];
  const backend = await startBackend((request) => {
    if (input.records !== false) arrived.push(request);
  });
  const findings: Finding[] = [];
  const report = (finding: Finding): unknown => findings.push(finding);
  const text = JSON.stringify(input.config).replaceAll('BACKEND', `http://127.0.0.1:${backend.port}`);
  const config = parseConfig(JSON.parse(text), report, 'routes.config.ts');
  const yaml = (input.yaml ?? '').replaceAll('BACKEND', `127.0.0.1:${backend.port}`);
  const objects = yaml === '' ? [] : parseManifests([{ file: 'stand.yaml', text: yaml }], report);
  const built = buildProgram(
    { objects, config, initialFindings: findings },
    { target: 'self-hosted', unresolved: 'refuse', now: '2026-01-01T00:00:00.000Z' },
  );
  const errors = built.findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0 && input.allowErrors !== true) {
    throw new Error(errors.map(({ code, path: at, message }) => `${code} ${at ?? ''}: ${message}`).join('\n'));
  }
  await publishProgram(await openStateFolder(folder), await encodeProgram(built.program), {
    now: new Date().toISOString(),
    sources: built.accepted,
  });
  const workerd = await startWorkerd({
    code: input.movesClock === true ? await bundleClockedWorker() : (await bundleWorker({ minify: true })).code,
    folder,
    kvFolder: path.join(folder, 'kv'),
    keysFolder,
    opensNetwork: input.opensNetwork === true,
    objects: { RATE_LIMITS: 'RateLimitObject' },
    backends: Object.fromEntries(built.program.upstreams.map(({ id, origin }) => [bindingName(id), addressOf(origin)])),
    text: Object.fromEntries(Object.entries(input.secrets ?? {}).map(([name, value]) => [`SECRET_${name}`, value])),
  });
  return {
    port: workerd.port,
    pid: workerd.pid,
    keysFolder,
    arrived,
    findings: built.findings,
    log: () => fs.readFileSync(path.join(folder, 'workerd.log'), 'utf8'),
    close: async () => {
      await workerd.close();
      backend.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function addressOf(origin: string): string {
  const { hostname, port, protocol } = new URL(origin);
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
}

async function startBackend(seen: (request: Arrived) => void): Promise<{ readonly port: number; close(): void }> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen({ method, url, headers, body: Buffer.concat(chunks) });
      response.writeHead(200, { 'content-type': 'text/plain', 'x-backend': 'reached' });
      response.end('reached');
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export type Answered = {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** `code` of a problem document. */
  readonly code: string | null;
};

/** One request to the gateway as a client would send it; the path goes out as it is written. */
export function send(
  port: number,
  { method = 'GET', path: target, headers = {}, body }: SentRequest,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      port,
      method,
      path: target,
      headers: { host: 'gateway.test', ...headers },
    });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          code: codeOf(response.headers, text),
        });
      });
    });
    request.end(body);
  });
}

export type SentRequest = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
};

function codeOf(headers: http.IncomingHttpHeaders, body: string): string | null {
  if (headers['content-type'] !== 'application/problem+json' || body === '') return null;
  return (JSON.parse(body) as { code: string }).code;
}
