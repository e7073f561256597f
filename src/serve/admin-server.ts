/** The private side of a node: health, readiness, status, and the push that makes a new version live. */
import * as http from 'node:http';
import { UserError } from '../diagnostics/errors.ts';
import { listenOnSocket } from '../sockets/unix-socket.ts';

export type AdminAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export interface AdminHandlers {
  /** null: ready. Otherwise why not. */
  readiness(): string | null;
  status(): Promise<object>;
  /** Looks at the store now; resolves when every process has. Throws when the new version could not be taken. */
  reload(): Promise<object>;
}

export type AdminServer = { close(): Promise<void> };

/**
 * `GET /healthz` (200 while the supervisor runs), `GET /readyz` (200 or 503 with `reason`), `GET /status`,
 * `POST /reload`. Nothing here is authenticated: the socket's permissions, or the network, must be.
 *
 * @throws UserError when the address is taken
 */
export async function startAdminServer(address: AdminAddress, handlers: AdminHandlers): Promise<AdminServer> {
  const server = http.createServer((request, response) => {
    respond(request, handlers).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => send(response, 503, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
  if (address.kind === 'unix') {
    await listenOnSocket(server, address.path, `another process answers on ${address.path}: choose another --admin`);
  } else await listenOnPort(server, address);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Reply = { readonly status: number; readonly body: object };

async function respond(request: http.IncomingMessage, handlers: AdminHandlers): Promise<Reply> {
  request.resume();
  const [path = ''] = (request.url ?? '').split('?');
  const asked = `${request.method === 'HEAD' ? 'GET' : request.method} ${path}`;
  if (asked === 'GET /healthz') return { status: 200, body: { status: 'ok' } };
  if (asked === 'GET /readyz') {
    const reason = handlers.readiness();
    return reason === null ? { status: 200, body: { status: 'ready' } } : { status: 503, body: { reason } };
  }
  if (asked === 'GET /status') return { status: 200, body: await handlers.status() };
  if (asked === 'POST /reload') return { status: 200, body: await handlers.reload() };
  return { status: 404, body: { error: 'There is GET /healthz, GET /readyz, GET /status and POST /reload.' } };
}

function send(response: http.ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}

function listenOnPort(server: http.Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new UserError(`cannot listen on ${host}:${port} for --admin: ${error.message}`)),
    );
    server.listen(port, host, () => resolve());
  });
}
