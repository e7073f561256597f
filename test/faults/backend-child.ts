/**
 * A backend as a process of its own, so that it can be killed. The path says how it behaves:
 *
 *   /…                 200 with its name
 *   /hang              takes the request, never answers
 *   /half/KIND         answers, stops in the middle of the body and waits; KIND: length, chunked,
 *                      short, encoded, unframed
 *   /delay/MS          200 with its name after so long
 *   /large/BYTES       a whole body of so many bytes
 *   /upload            200 with the number of body bytes, when they are all there
 *   /connections       how many connections are open beside the asking one, and requests waiting
 *
 * Prints its port; ends when its standard input ends.
 */
import * as http from 'node:http';
import type * as net from 'node:net';

const name = process.argv[2] ?? 'backend';
const HALF = 60_000;
const FILLING = Buffer.alloc(HALF, 'x');
const waiting = new Set<http.ServerResponse>();
const sockets = new Set<net.Socket>();

const HALVES: Readonly<Record<string, { readonly headers: http.OutgoingHttpHeaders; readonly sent: Buffer }>> = {
  length: { headers: { 'content-length': HALF * 2 }, sent: FILLING },
  chunked: { headers: { 'transfer-encoding': 'chunked' }, sent: FILLING },
  // Shorter than what the gateway watches over by script.
  short: { headers: { 'content-length': 200 }, sent: FILLING.subarray(0, 100) },
  // Never decoded on the way, so any bytes will do.
  encoded: { headers: { 'content-length': HALF * 2, 'content-encoding': 'gzip' }, sent: FILLING },
  'encoded-chunked': { headers: { 'transfer-encoding': 'chunked', 'content-encoding': 'br' }, sent: FILLING },
};

const server = http.createServer((request, response) => {
  const [, action = '', detail = ''] = (request.url ?? '/').split('?')[0]?.split('/') ?? [];
  waiting.add(response);
  response.once('close', () => waiting.delete(response));
  response.on('error', () => undefined);
  if (action === 'hang') return;
  if (action === 'half') {
    const half = HALVES[detail];
    if (half === undefined) {
      // Raw: node adds framing to everything it knows how to frame.
      request.socket.write(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${FILLING.toString('latin1')}`);
      return;
    }
    response.writeHead(200, half.headers);
    response.write(half.sent);
    return;
  }
  if (action === 'large') {
    response.writeHead(200, { 'content-length': Number(detail) });
    response.end(Buffer.alloc(Number(detail), 'y'));
    return;
  }
  if (action === 'connections') {
    response.end(JSON.stringify({ connections: sockets.size - 1, waiting: waiting.size - 1 }));
    return;
  }
  if (action === 'delay') {
    setTimeout(() => response.end(name), Number(detail));
    return;
  }
  let bytes = 0;
  request.on('data', (chunk: Buffer) => (bytes += chunk.length));
  request.on('error', () => undefined);
  request.on('end', () => response.end(action === 'upload' ? String(bytes) : name));
});
// Longer than anything in front keeps connections, so that no idle close races with a request.
server.keepAliveTimeout = 120_000;
server.requestTimeout = 0;
server.on('connection', (socket) => {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});
server.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => {
  const { port } = server.address() as net.AddressInfo;
  process.stdout.write(`${port}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
