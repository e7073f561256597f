import type { Server } from 'node:net';

/** TCP port of a listening server. Throws when it does not listen on one. */
export function listeningPort(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a TCP port');
  return address.port;
}
