/**
 * The backend of the proxy bench, as a process of its own: reads request heads off raw sockets and
 * answers each with the same few bytes, so that it takes as little of the machine as a backend can.
 * Requests with bodies are not understood. Prints its port.
 */
import * as net from 'node:net';
import { BACKEND_BODY } from './backend.ts';

const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BACKEND_BODY.length}\r\n\r\n${BACKEND_BODY}`,
);
const HEAD_END = '\r\n\r\n';

const server = net.createServer((socket) => {
  let rest = '';
  socket.setNoDelay(true);
  socket.on('data', (chunk) => {
    const text = rest + chunk.toString('latin1');
    let position = 0;
    for (let end = text.indexOf(HEAD_END); end >= 0; end = text.indexOf(HEAD_END, position)) {
      position = end + HEAD_END.length;
      socket.write(ANSWER);
    }
    rest = text.slice(position);
  });
  socket.on('error', () => undefined);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The backend has no port.');
  process.stdout.write(`${address.port}\n`);
});
// The bench holds the other end of stdin: whatever ends it, this process ends too.
process.stdin.resume().on('end', () => process.exit(0));
