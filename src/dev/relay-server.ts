/**
 * The development relay: one service binding behind which any backend can be reached.
 *
 * workerd's service bindings are fixed when it starts. A Mapping that names a new service while
 * `portolan dev` runs must not cost a restart, so the Worker sends requests for backends without a
 * binding of their own here, names the backend in `x-portolan-relay`, and this server forwards them
 * byte for byte. Development only: self-hosting binds every backend and restarts in a rolling way.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import * as net from 'node:net';
import * as tls from 'node:tls';
import type { Duplex } from 'node:stream';
import type { BackendPlace } from './gateway-runtime.ts';
import type { TlsMaterial } from '../tls/tls-files.ts';
import { listeningPort } from './listening-port.ts';

export const RELAY_HEADER = 'x-portolan-relay';

/** null: there is no way to it. May start the backend first. */
export type ResolveRelayTarget = (upstreamId: string) => Promise<BackendPlace | null>;

export type RelayServer = { readonly port: number; close(): Promise<void> };

export async function startRelay(resolveTarget: ResolveRelayTarget): Promise<RelayServer> {
  const agent = new http.Agent({ keepAlive: true });

  async function open(request: http.IncomingMessage): Promise<http.ClientRequest | null> {
    const id = request.headers[RELAY_HEADER];
    const target = typeof id === 'string' ? await resolveTarget(id) : null;
    if (target === null) return null;
    const { address, tls: material } = target;
    return (material === null ? http : https).request({
      // Secure connections are not lent to other requests: an agent would not see what they were verified for.
      agent: request.headers.upgrade === undefined && material === null ? agent : false,
      host: address.hostname.replace(/^\[|\]$/g, ''),
      port: address.port === '' ? (material === null ? 80 : 443) : Number(address.port),
      ...(material !== null && tlsOptions(material)),
      method: request.method,
      path: request.url,
      headers: withoutRelayHeader(request.rawHeaders),
      setHost: false,
    });
  }

  const server = http.createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    void relayRequest(request, response, open);
  });
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    void relayUpgrade(request, { socket, head }, open);
  });
  // Expect: 100-continue is answered by the backend, not here.
  server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
    response.writeContinue();
    void relayRequest(request, response, open);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: listeningPort(server),
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function tlsOptions({ serverName, authorities, certificate }: TlsMaterial): https.RequestOptions {
  return {
    // An address is no name to ask for; it is compared with the certificate all the same.
    servername: net.isIP(serverName) === 0 ? serverName : '',
    checkServerIdentity: (_host, peer) => tls.checkServerIdentity(serverName, peer),
    ...(authorities !== null && { ca: [...authorities] }),
    ...(certificate !== null && { cert: certificate.chain, key: certificate.key }),
  };
}

type Open = (request: http.IncomingMessage) => Promise<http.ClientRequest | null>;

async function relayRequest(request: http.IncomingMessage, response: http.ServerResponse, open: Open): Promise<void> {
  const upstream = await open(request);
  if (upstream === null) {
    response.writeHead(502).end('unknown backend');
    return;
  }
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', answer.rawHeaders);
    answer.pipe(response);
    // A body cut short must look cut short to the client as well.
    answer.on('aborted', () => response.destroy());
  });
  // The Worker then sees a lost connection, the same as with a binding of its own.
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
}

async function relayUpgrade(
  request: http.IncomingMessage,
  client: { readonly socket: Duplex; readonly head: Buffer },
  open: Open,
): Promise<void> {
  const { socket, head } = client;
  socket.on('error', () => socket.destroy());
  const upstream = await open(request);
  if (upstream === null) {
    socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  upstream.on('error', () => socket.destroy());
  upstream.on('upgrade', (answer, backend, rest) => {
    socket.write(head1xx(answer));
    if (rest.length > 0) socket.write(rest);
    if (head.length > 0) backend.write(head);
    backend.on('error', () => socket.destroy());
    backend.pipe(socket).pipe(backend);
    socket.on('close', () => backend.destroy());
    backend.on('close', () => socket.destroy());
  });
  upstream.on('response', (answer) => {
    socket.write(head1xx(answer));
    answer.pipe(socket);
  });
  upstream.end();
}

function head1xx(answer: http.IncomingMessage): string {
  const lines = [`HTTP/1.1 ${answer.statusCode ?? 502} ${answer.statusMessage ?? ''}`];
  for (let i = 0; i < answer.rawHeaders.length; i += 2)
    lines.push(`${answer.rawHeaders[i] ?? ''}: ${answer.rawHeaders[i + 1] ?? ''}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function withoutRelayHeader(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.toLowerCase() !== RELAY_HEADER) kept.push(name, rawHeaders[i + 1] ?? '');
  }
  return kept;
}
