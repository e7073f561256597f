/**
 * A KV server that can fail. Bare workerd reads a `kvNamespace` binding by plain HTTP: GET
 * `/<url-encoded key>?urlencoded=true`, 200 with the value, 404 for none, anything else is an error.
 */
import * as http from 'node:http';
import type * as net from 'node:net';
import type { SnapshotReader } from '../../src/program/program-store.ts';

/** What happens to one read instead of the plain answer. */
export type KvFault =
  | { readonly kind: 'value'; readonly value: string | Buffer | null }
  | { readonly kind: 'status'; readonly status: number }
  /** The connection is reset. */
  | { readonly kind: 'reset' };

export type KvAnswer = KvFault | null;

export type FaultKv = {
  readonly address: string;
  /** Every key that was asked for, in order; empty it to look at a stretch of time. */
  readonly reads: string[];
  /** Reads that wait for their answer now. */
  pending(): number;
  /**
   * Decides about each read; null and undefined: the store's own value. A promise makes the read
   * wait. Default: every read gets the store's value.
   */
  setFault(fault: ((key: string) => KvAnswer | Promise<KvAnswer>) | null): void;
  /** Which store is read. */
  setReader(reader: SnapshotReader): void;
  /** Nothing listens any more, open connections are reset. */
  stop(): Promise<void>;
  /** Listens again at the same address. */
  restart(): Promise<void>;
  close(): Promise<void>;
};

export async function startFaultKv(reader: SnapshotReader): Promise<FaultKv> {
  const state = { reader, fault: noFault as (key: string) => KvAnswer | Promise<KvAnswer>, pending: 0 };
  const reads: string[] = [];
  const sockets = new Set<net.Socket>();

  const answer = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const key = decodeURIComponent(new URL(request.url ?? '/', 'http://kv').pathname.slice(1));
    reads.push(key);
    state.pending += 1;
    try {
      const fault = (await state.fault(key)) ?? { kind: 'value', value: await state.reader.get(key) };
      if (fault.kind === 'reset') response.socket?.resetAndDestroy();
      else if (fault.kind === 'status') response.writeHead(fault.status).end('the store says no');
      else if (fault.value === null) response.writeHead(404).end();
      else response.writeHead(200).end(fault.value);
    } finally {
      state.pending -= 1;
    }
  };
  const create = (): http.Server => {
    const server = http.createServer((request, response) => {
      answer(request, response).catch(() => response.socket?.resetAndDestroy());
    });
    server.keepAliveTimeout = 60_000;
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    });
    return server;
  };

  let server = create();
  const port = await listen(server, 0);
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  return {
    address: `127.0.0.1:${port}`,
    reads,
    pending: () => state.pending,
    setFault: (fault) => {
      state.fault = fault ?? noFault;
    },
    setReader: (next) => {
      state.reader = next;
    },
    stop,
    restart: async () => {
      server = create();
      await listen(server, port);
    },
    close: stop,
  };
}

function noFault(): null {
  return null;
}

function listen(server: http.Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
  });
}
