/** Serves what it is told to, one document per path, and counts who asks: key sets, good ones and bad ones. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

export type KeySetServer = {
  /** Origin, without a slash at its end. */
  readonly url: string;
  /** Connections taken so far, whatever came over them. */
  readonly connections: number;
  /** Requests for this path so far. */
  requests(path: string): number;
  /** JSON of the value from now on, after `delayMs` (default 0); null: the connection is cut. */
  serve(path: string, document: unknown, delayMs?: number): void;
  close(): void;
};

type Served = { readonly text: string | null; readonly delayMs: number };

export async function startKeySetServer(): Promise<KeySetServer> {
  const documents = new Map<string, Served>();
  const asked = new Map<string, number>();
  let connections = 0;
  const server = http.createServer((request, response) => {
    const path = request.url ?? '';
    asked.set(path, (asked.get(path) ?? 0) + 1);
    const { text, delayMs } = documents.get(path) ?? { text: null, delayMs: 0 };
    if (text === null) {
      request.socket.destroy();
      return;
    }
    setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(text), delayMs);
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    requests: (path) => asked.get(path) ?? 0,
    serve: (path, document, delayMs = 0) => {
      documents.set(path, { text: document === null ? null : JSON.stringify(document), delayMs });
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
