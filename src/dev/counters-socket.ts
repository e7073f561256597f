/** The private socket of the development server: `POST /decide` for `portolan limits`, and nothing else. */
import * as http from 'node:http';
import { makeRunFolder } from '../sockets/run-folder.ts';
import { listenOnSocket, type SocketAnswer } from '../sockets/unix-socket.ts';
import { countersSocketOf } from './state-folder.ts';

/** Takes calls as JSON; see `answerOperator` of the Worker. */
export type Decide = (calls: string) => Promise<SocketAnswer>;

export type CountersSocket = { close(): Promise<void> };

/** Throws UserError when the place cannot be used, or another server answers there. */
export async function startCountersSocket(stateFolder: string, decide: Decide): Promise<CountersSocket> {
  const server = http.createServer((request, response) => {
    respond(request, decide).then(
      ({ status, body }) => response.writeHead(status).end(body),
      (error: unknown) => response.writeHead(502).end(`${String(error)}\n`),
    );
  });
  await makeRunFolder(stateFolder);
  await listenOnSocket(
    server,
    countersSocketOf(stateFolder),
    `another development server uses ${stateFolder}: choose another --state`,
  );
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(request: http.IncomingMessage, decide: Decide): Promise<SocketAnswer> {
  if (request.method !== 'POST' || request.url !== '/decide') {
    request.resume();
    return { status: 404, body: '' };
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return decide(Buffer.concat(chunks).toString('utf8'));
}
