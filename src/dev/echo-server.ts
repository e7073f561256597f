/**
 * The echo backend: answers with what reached it, byte for byte, so that a test or a person can see
 * what the gateway did to a request. Plain HTTP/1.1, no dependency.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { Readable, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../diagnostics/errors.ts';
import { acceptWebSocket, isWebSocketUpgrade } from './websocket-echo.ts';

export type EchoOptions = {
  /** Answered as `service`. */
  readonly name: string;
  /** 0: any free port. */
  readonly port: number;
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
};

export type EchoServer = {
  readonly port: number;
  /** Origin, for example `http://127.0.0.1:4001`. */
  readonly url: string;
  /** Ends open connections, WebSockets included. */
  close(): Promise<void>;
};

/** The JSON answer. Header names keep their spelling, order and duplicates. */
export type EchoAnswer = {
  readonly service: string;
  readonly method: string;
  /** The request target as received: path and query. */
  readonly url: string;
  readonly httpVersion: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly bodySha256: string;
  readonly bodyBytes: number;
};

/** Longer than the gateway keeps pooled connections: it must never write into one that we just closed. */
const KEEP_ALIVE_MS = 75_000;
/** Above every limit of the gateway, so that its limits are the ones that show. */
const MAX_HEADER_BYTES = 256 * 1024;
const MAX_DELAY_MS = 600_000;
const MAX_ANSWER_BYTES = 1024 ** 3;

/**
 * Starts an echo backend.
 *
 * @throws UserError when the port is taken or may not be used
 */
export async function startEcho(options: EchoOptions): Promise<EchoServer> {
  const host = options.host ?? '127.0.0.1';
  const upgraded = new Set<Duplex>();
  const server = createServer(serverOptions(), (request, response) => {
    void answer(options.name, request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    acceptWebSocket(request, socket, head);
  });
  await listen(server, options.port, host);
  const port = portOf(server);
  return {
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of upgraded) socket.destroy();
        server.closeAllConnections();
      }),
  };
}

function serverOptions(): ServerOptions {
  const options: ServerOptions = {
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Node's default of 5 minutes for a whole request would cut slow uploads short.
    requestTimeout: 0,
    headersTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  // Other upgrades (curl's h2c) are answered as plain requests; Node before 24.9 does not know the option.
  return Object.assign(options, { shouldUpgradeCallback: isWebSocketUpgrade });
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, port, host)));
    server.listen(port, host, () => resolve());
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the echo server has no TCP address');
  return address.port;
}

function listenError(error: NodeJS.ErrnoException, port: number, host: string): Error {
  if (error.code === 'EADDRINUSE')
    return new UserError(`Port ${port} on ${host} is in use; choose another with --port.`);
  if (error.code === 'EACCES') return new UserError(`Port ${port} on ${host} may not be opened by this user.`);
  if (error.code === 'EADDRNOTAVAIL') return new UserError(`${host} is not an address of this machine.`);
  return error;
}

async function answer(service: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    const shape = parseShape(request.url ?? '/');
    const body = await hashBody(request);
    if (typeof shape === 'string') {
      sendJson(response, 400, { error: shape });
      return;
    }
    if (shape.delayMs > 0) await sleep(shape.delayMs, undefined, { signal: gone.signal });
    if (shape.bytes !== null) {
      await sendBytes(response, shape.status, shape.bytes);
      return;
    }
    const seen: EchoAnswer = {
      service,
      method: request.method ?? '',
      url: request.url ?? '',
      httpVersion: request.httpVersion,
      headers: headerPairs(request.rawHeaders),
      ...body,
    };
    sendJson(response, shape.status, seen);
  } catch (error) {
    // The client went away, in the middle of its body or of our answer: there is nobody to tell.
    if (!gone.signal.aborted && !request.destroyed) throw error;
    response.destroy();
  }
}

type Shape = { readonly status: number; readonly delayMs: number; readonly bytes: number | null };

/** `?status=`, `?delay_ms=`, `?bytes=`; the first of a repeated parameter counts. A text is the complaint. */
function parseShape(target: string): Shape | string {
  const start = target.indexOf('?');
  const query = new URLSearchParams(start === -1 ? '' : target.slice(start + 1));
  const status = readNumber(query, 'status', [200, 599]);
  const delayMs = readNumber(query, 'delay_ms', [0, MAX_DELAY_MS]);
  const bytes = readNumber(query, 'bytes', [0, MAX_ANSWER_BYTES]);
  if (typeof status === 'string') return status;
  if (typeof delayMs === 'string') return delayMs;
  if (typeof bytes === 'string') return bytes;
  return { status: status ?? 200, delayMs: delayMs ?? 0, bytes };
}

function readNumber(
  query: URLSearchParams,
  name: string,
  [min, max]: readonly [number, number],
): number | null | string {
  const text = query.get(name);
  if (text === null) return null;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : `${name} must be a whole number from ${min} to ${max}`;
}

async function hashBody(request: IncomingMessage): Promise<Pick<EchoAnswer, 'bodySha256' | 'bodyBytes'>> {
  const hash = createHash('sha256');
  let bodyBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bodyBytes += chunk.length;
  }
  return { bodySha256: hash.digest('hex'), bodyBytes };
}

function headerPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  return pairs;
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`;
  response.writeHead(
    status,
    hasNoBody(status)
      ? {}
      : {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        },
  );
  response.end(hasNoBody(status) ? undefined : text);
}

async function sendBytes(response: ServerResponse, status: number, bytes: number): Promise<void> {
  response.writeHead(
    status,
    hasNoBody(status)
      ? {}
      : {
          'content-type': 'application/octet-stream',
          'content-length': bytes,
        },
  );
  if (hasNoBody(status) || response.req.method === 'HEAD') response.end();
  else await pipeline(Readable.from(deterministicBytes(bytes)), response);
}

function hasNoBody(status: number): boolean {
  return status === 204 || status === 304;
}

/** Byte n is n mod 251: a prime, so that a lost, doubled or moved block of any usual size shows. */
export function* deterministicBytes(bytes: number): Generator<Buffer> {
  const block = Buffer.from(Array.from({ length: 251 * 256 }, (_, index) => index % 251));
  for (let sent = 0; sent < bytes; sent += block.length) yield block.subarray(0, Math.min(block.length, bytes - sent));
}
