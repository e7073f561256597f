/** A WebSocket whose two sides are joined by script, so that its end is known. The runtime joins them itself otherwise. */
import type { WaitUntil } from './pipe.ts';

/** Of workerd's WebSocket. */
export interface Socket {
  binaryType?: string;
  accept(): void;
  send(message: string | ArrayBuffer): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { readonly data: string | ArrayBuffer }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  addEventListener(type: 'error', listener: () => void): void;
}

/** RFC 6455 §7.4.1: the close frame had no status; the connection was lost without a close frame. Neither may be sent. */
const NO_STATUS = 1005;
const LOST = 1006;
/** What the other side is told of a close code that no endpoint may send (RFC 6455 §7.4). */
const PROTOCOL_ERROR = 1002;
/** What a client is told when its upstream broke. */
const BROKEN = 1011;

/** The upstream's side of an upgraded connection; null: the answer is none. */
export function socketOf(response: Response): Socket | null {
  const socket: unknown = Reflect.get(response, 'webSocket');
  return isSocket(socket) ? socket : null;
}

function isSocket(value: unknown): value is Socket {
  return typeof value === 'object' && value !== null && 'accept' in value && 'send' in value;
}

export type RelayContext = {
  /** Runs once, when either side has closed or broken. */
  readonly closed: () => void;
  /** Breaks the connection of the upstream; null: it can only be closed. */
  readonly dropUpstream: (() => void) | null;
  readonly waitUntil: WaitUntil;
};

/**
 * The answer that gives the client the other end. Messages, their kinds and close codes pass as they are.
 * An upstream whose client is lost loses its connection too. A client whose upstream is lost gets a close
 * frame: script cannot break that connection, and ends it when the client has answered the frame.
 */
export function relaySocket(response: Response, upstream: Socket, context: RelayContext): Response {
  const { closed, dropUpstream, waitUntil } = context;
  const [client, server] = socketPair();
  const { promise, resolve } = Promise.withResolvers<void>();
  // Settled once, whoever ends first.
  waitUntil(promise.then(closed));
  join(upstream, server, { ended: resolve, broken: () => attempt(() => server.close(BROKEN)) });
  join(server, upstream, { ended: resolve, broken: dropUpstream ?? (() => attempt(() => upstream.close(BROKEN))) });
  const headers = new Headers(response.headers);
  // The answer to this gateway's own key; the runtime writes the one to the client's.
  headers.delete('sec-websocket-accept');
  const answer = { status: 101, headers };
  // No member of the standard's ResponseInit, and workerd's own type of it is not this folder's.
  Reflect.set(answer, 'webSocket', client);
  return new Response(null, answer);
}

function socketPair(): readonly [Socket, Socket] {
  const Pair: (new () => { readonly 0: Socket; readonly 1: Socket }) | undefined = Reflect.get(
    globalThis,
    'WebSocketPair',
  );
  if (Pair === undefined) throw new Error('This runtime has no WebSocketPair.');
  const pair = new Pair();
  return [pair[0], pair[1]];
}

type Ends = {
  readonly ended: () => void;
  /** `from` was lost: ends the other side. */
  readonly broken: () => void;
};

function join(from: Socket, to: Socket, { ended, broken }: Ends): void {
  // Blobs would be read asynchronously, and messages could then change places.
  if ('binaryType' in from) from.binaryType = 'arraybuffer';
  from.addEventListener('message', ({ data }) => attempt(() => to.send(data)));
  from.addEventListener('close', ({ code, reason }) => {
    if (code === LOST) broken();
    else closeBoth([to, from], code, reason);
    ended();
  });
  from.addEventListener('error', () => {
    broken();
    ended();
  });
  from.accept();
}

/** The closing side gets its close frame back, as the handshake of RFC 6455 §5.5.1 wants it. */
function closeBoth(sockets: readonly Socket[], code: number, reason: string): void {
  for (const socket of sockets) {
    attempt(() => {
      if (code === NO_STATUS) socket.close();
      else if (maySend(code)) socket.close(code, reason);
      else socket.close(PROTOCOL_ERROR);
    });
  }
}

/** The runtime reads any number as a code, and throws for these when it is to send them. */
function maySend(code: number): boolean {
  return code >= 1_000 && code <= 4_999 && code !== 1_004 && code !== NO_STATUS && code !== LOST && code !== 1_015;
}

/** A side that is closing already takes nothing more. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Its own close or error event says the rest.
  }
}
