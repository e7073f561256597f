/** Unix sockets in the file system: requests over one, and listening on one that may be left over. */
import * as fs from 'node:fs/promises';
import * as http from 'node:http';
import * as net from 'node:net';
import { UserError } from '../diagnostics/errors.ts';

/** sun_path of Linux holds 107 bytes and an end mark; macOS 103. */
const MAX_PATH_BYTES = 103;

/** Throws UserError: the system would cut a longer path off, or refuse it with a word that helps nobody. */
export function assertSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_PATH_BYTES) return;
  throw new UserError(
    `${path} is too long for a Unix socket (${bytes} bytes, at most ${MAX_PATH_BYTES}): choose a shorter path`,
  );
}

/**
 * Listens with permissions for this user alone. A socket file that nobody answers on is replaced;
 * anything else at that place is somebody's data and stays.
 *
 * @throws UserError when somebody does answer, saying so in `taken`, or when the place cannot be used
 */
export async function listenOnSocket(server: net.Server, path: string, taken: string): Promise<void> {
  assertSocketPath(path);
  try {
    await listen(server, path);
  } catch (error) {
    if (!isAddressInUse(error)) throw new UserError(`cannot listen on ${path}: ${messageOf(error)}`);
    if (!(await isSocket(path))) throw new UserError(`${path} exists and is not a socket: choose another place`);
    if (await answers(path)) throw new UserError(taken);
    await fs.rm(path, { force: true });
    await listen(server, path);
  }
  await fs.chmod(path, 0o600);
}

function listen(server: net.Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function isSocket(path: string): Promise<boolean> {
  const stats = await fs.lstat(path).catch(() => null);
  // Gone in the meantime: nothing is left that could be lost.
  return stats === null || stats.isSocket();
}

/** Whether a process listens there. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export type SocketAnswer = { readonly status: number; readonly body: string };

/** One small request; rejects when there is no answer within `timeoutMs`. */
export function askSocket(
  socketPath: string,
  { body = '', ...request }: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: string },
  timeoutMs: number,
): Promise<SocketAnswer> {
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`, { cause }) : cause);
    const sent = http.request({
      socketPath,
      ...request,
      // An open connection would keep the process alive.
      agent: false,
      headers: { host: 'localhost', 'content-length': Buffer.byteLength(body) },
      signal,
    });
    sent.once('error', fail);
    sent.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', fail);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    sent.end(body);
  });
}

/** A text member of an answer that is a JSON object; null: there is none. */
export function textIn({ body }: SocketAnswer, member: string): string | null {
  try {
    const json: unknown = JSON.parse(body);
    const value: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, member) : null;
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
