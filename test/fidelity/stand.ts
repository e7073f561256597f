/** The built Worker on bare workerd before a backend made of sockets. */
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import { buildProgram, type BuildResult } from '../../src/compile/build-program.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { bindingName } from '../../src/program/binding-name.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { publishProgram } from '../../src/program/publish.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { startWorkerd } from '../bench/workerd-process.ts';
import { Wire, type Head } from './wire.ts';

/** One request that reached the backend: its head is read, the rest is the handler's business. */
export type Arrived = { readonly wire: Wire; readonly head: Head };
export type Handler = (arrived: Arrived) => Promise<void>;

export type RawBackend = {
  readonly port: number;
  /** Requests to this path (without query) are handled so. A handler that throws ends the connection. */
  on(path: string, handler: Handler): void;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Requests per path that arrived so far. */
  arrivals(path: string): number;
  close(): void;
};

export type Stand = {
  readonly backend: RawBackend;
  readonly port: number;
  readonly pid: number;
  /** A new connection of a client. Its FIN does not close it. */
  connect(): Promise<Wire>;
  /** What workerd has written so far. */
  log(): string;
  close(): Promise<void>;
};

export type Spec = Readonly<Record<string, unknown>> & { readonly prefix: string };

export const HOST = 'gateway.test';

/**
 * `specs`: Mappings; `service` is the backend unless written. `edit` is for what no resource can say yet.
 * `code`: of a Worker without objects, in place of the built one. Throws when a Mapping is not served as written.
 */
export async function startStand(
  specs: readonly Spec[],
  edit: (program: RouteProgram) => RouteProgram = (program) => program,
  code?: string,
): Promise<Stand> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-fidelity-'));
  const backend = await startRawBackend();
  const { program: built, accepted } = build(specs, `127.0.0.1:${backend.port}`);
  const program = edit(built);
  await publishProgram(await openStateFolder(folder), await encodeProgram(program), {
    now: new Date().toISOString(),
    sources: accepted,
  });
  const workerd = await startWorkerd({
    code: code ?? (await bundleWorker({ minify: true })).code,
    folder,
    kvFolder: path.join(folder, 'kv'),
    objects: code === undefined ? { RATE_LIMITS: 'RateLimitObject' } : {},
    backends: Object.fromEntries(program.upstreams.map(({ id, origin }) => [bindingName(id), new URL(origin).host])),
  });
  const clients: Wire[] = [];
  return {
    backend,
    port: workerd.port,
    pid: workerd.pid,
    connect: async () => {
      const wire = new Wire(await connect(workerd.port));
      clients.push(wire);
      return wire;
    },
    log: () => fs.readFileSync(path.join(folder, 'workerd.log'), 'utf8'),
    close: async () => {
      for (const { socket } of clients) socket.destroy();
      backend.close();
      await workerd.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function build(specs: readonly Spec[], address: string): BuildResult {
  const findings: Finding[] = [];
  const report = (finding: Finding): unknown => findings.push(finding);
  const text = specs
    .map((spec, index) => ({
      apiVersion: 'getambassador.io/v3alpha1',
      kind: 'Mapping',
      metadata: { name: `route-${index}`, namespace: 'fidelity' },
      spec: { hostname: '*', rewrite: '', service: address, timeout_ms: 5000, ...spec },
    }))
    .map((object) => JSON.stringify(object))
    .join('\n---\n');
  const objects = parseManifests([{ file: 'fidelity.yaml', text }], report);
  const built = buildProgram(
    { objects, config: null, initialFindings: findings },
    { target: 'self-hosted', unresolved: 'refuse', now: '2026-01-01T00:00:00.000Z' },
  );
  const bad = built.findings.find(({ severity }) => severity !== 'info');
  if (bad !== undefined) throw new Error(`The input has findings: ${bad.code}: ${bad.message}`);
  return built;
}

export async function startRawBackend(): Promise<RawBackend> {
  const handlers = new Map<string, Handler>();
  const arrived = new Map<string, number>();
  const sockets = new Set<net.Socket>();
  let accepted = 0;
  const serve = async (wire: Wire): Promise<void> => {
    for (;;) {
      const head = await wire.head(120_000);
      const path = head.startLine.split(' ')[1]?.split('?')[0] ?? '';
      arrived.set(path, (arrived.get(path) ?? 0) + 1);
      const handler = handlers.get(path);
      if (handler === undefined) throw new Error(`Nothing is said about ${head.startLine}.`);
      await handler({ wire, head });
    }
  };
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(new Wire(socket)).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    on: (path, handler) => void handlers.set(path, handler),
    get accepted() {
      return accepted;
    },
    arrivals: (path) => arrived.get(path) ?? 0,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export function connect(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}

/** A whole answer as text: status line, headers and body, exactly these. */
export function answerOf(startLine: string, lines: readonly string[], body: string | Buffer = ''): Buffer {
  const head = Buffer.from([`HTTP/1.1 ${startLine}`, ...lines, '', ''].join('\r\n'), 'latin1');
  return Buffer.concat([head, typeof body === 'string' ? Buffer.from(body, 'latin1') : body]);
}

/** A handler that reads the request's body and answers with these bytes. */
export function answers(bytes: Buffer): Handler {
  return async ({ wire, head }) => {
    await wire.body(head);
    await wire.write(bytes);
  };
}

export function requestOf(startLine: string, lines: readonly string[] = [], body: string | Buffer = ''): Buffer {
  const head = Buffer.from([`${startLine} HTTP/1.1`, `Host: ${HOST}`, ...lines, '', ''].join('\r\n'), 'latin1');
  return Buffer.concat([head, typeof body === 'string' ? Buffer.from(body, 'latin1') : body]);
}
