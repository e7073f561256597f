/** Clients that hold connections: each knows when, and with what status, the gateway let it go. */
import * as net from 'node:net';

export type SlowClients = {
  readonly opened: number;
  /** Of those that the gateway ended: milliseconds from the first byte sent. */
  readonly cutAfterMs: readonly number[];
  /** First line of what came back, per client that got something. */
  readonly statusLines: readonly string[];
  readonly refused: number;
  close(): void;
};

export type SlowClientOptions = {
  readonly port: number;
  readonly count: number;
  /** Sent at once. */
  readonly first: string;
  /** Sent every second as long as the connection lives. */
  readonly everySecond?: string;
  /** Read nothing until the connection is closed by the other side or by us. Default false. */
  readonly readsNothing?: boolean;
};

/** Resolves when all are connected and have sent their first bytes. */
export async function openSlowClients(options: SlowClientOptions): Promise<SlowClients> {
  const { port, count, first, everySecond, readsNothing = false } = options;
  const sockets: net.Socket[] = [];
  const cutAfterMs: number[] = [];
  const statusLines: string[] = [];
  let refused = 0;
  const open = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      let startedAt: number | null = null;
      sockets.push(socket);
      socket.once('connect', () => {
        startedAt = performance.now();
        if (first !== '') socket.write(first);
        // A paused socket still notices a reset, as a client that is busy elsewhere does.
        if (readsNothing) socket.pause();
        resolve();
      });
      if (!readsNothing)
        socket.once('data', (chunk) => statusLines.push(chunk.toString('latin1').split('\r\n')[0] ?? ''));
      if (!readsNothing) socket.resume();
      socket.on('error', () => undefined);
      // The other side has ended, or the connection broke; our own closing removes the listeners first.
      const ended = (): void => {
        if (startedAt === null) refused += 1;
        else cutAfterMs.push(performance.now() - startedAt);
        socket.removeAllListeners('end').removeAllListeners('close');
        resolve();
      };
      socket.once('end', ended);
      socket.once('close', ended);
    });
  // In groups: a listening socket has a short queue.
  for (let at = 0; at < count; at += 100) {
    await Promise.all(Array.from({ length: Math.min(100, count - at) }, open));
  }
  const trickle = setInterval(() => {
    if (everySecond === undefined) return;
    for (const socket of sockets) if (socket.writable) socket.write(everySecond);
  }, 1000);
  return {
    opened: sockets.length,
    cutAfterMs,
    statusLines,
    get refused() {
      return refused;
    },
    close: () => {
      clearInterval(trickle);
      for (const socket of sockets) socket.removeAllListeners('end').removeAllListeners('close').destroy();
    },
  };
}
