/**
 * A small closed-loop HTTP/1.1 load generator on raw sockets: C connections, each sends its next
 * request when the last answer is complete. A lost request is not repeated, unless asked for. Bounded by a number of requests, so that runs compare.
 */
import * as net from 'node:net';

export type LoadOptions = {
  readonly port: number;
  readonly connections: number;
  /** Requests in all. */
  readonly requests: number;
  /** Raw bytes of request i, head and body. */
  readonly request: (index: number) => string;
  /**
   * As HTTP clients do with safe requests (RFC 9110 §9.2.2): a request that is put on a connection just
   * when the other side closes it, and gets not a byte of an answer, is sent once more on another. Not more
   * often than there are requests.
   */
  readonly repeatsOnNewConnection?: boolean;
  /** Default: every answer is. */
  readonly isRight?: (answer: Answer) => boolean;
};

export type Answer = {
  readonly status: string;
  /** Status line and headers. */
  readonly head: string;
  /** As it was framed, one character per byte. */
  readonly body: string;
};

export type LoadResult = {
  readonly requests: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests whose connection ended before their answer was complete, or could not be made. */
  readonly lost: number;
  /** See repeatsOnNewConnection. */
  readonly repeated: number;
  /** Answers that were not right. */
  readonly wrong: number;
};

type Tally = {
  next: number;
  lost: number;
  repeated: number;
  wrong: number;
  readonly latencies: number[];
  readonly statuses: Record<string, number>;
};

export async function generateLoad(options: LoadOptions): Promise<LoadResult> {
  const tally: Tally = { next: 0, lost: 0, repeated: 0, wrong: 0, latencies: [], statuses: {} };
  const started = performance.now();
  await Promise.all(Array.from({ length: options.connections }, () => runConnection(options, tally)));
  const seconds = (performance.now() - started) / 1000;
  const sorted = tally.latencies.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    requests: sorted.length,
    seconds,
    perSecond: sorted.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    statuses: tally.statuses,
    lost: tally.lost,
    repeated: tally.repeated,
    wrong: tally.wrong,
  };
}

/** One client: as long as requests are left, a connection that the other side ended is followed by another. */
async function runConnection(options: LoadOptions, tally: Tally): Promise<void> {
  while (tally.next < options.requests) await useConnection(options, tally);
}

/** Until the requests are used up or the connection ends. */
function useConnection(options: LoadOptions, tally: Tally): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(options.port, '127.0.0.1');
    socket.setNoDelay(true);
    let buffered: Buffer = Buffer.alloc(0);
    let sentAt = 0;
    let waiting = false;
    let isConnected = false;
    const send = (): void => {
      if (tally.next >= options.requests) {
        socket.end();
        return;
      }
      const index = tally.next;
      tally.next += 1;
      waiting = true;
      sentAt = performance.now();
      socket.write(options.request(index));
    };
    socket.on('connect', () => {
      isConnected = true;
      send();
    });
    socket.on('data', (chunk) => {
      buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
      const answer = parseAnswer(buffered);
      if (answer === null) return;
      if (options.isRight?.(bodied(answer, buffered)) === false) tally.wrong += 1;
      buffered = buffered.subarray(answer.length);
      waiting = false;
      tally.latencies.push(performance.now() - sentAt);
      tally.statuses[answer.status] = (tally.statuses[answer.status] ?? 0) + 1;
      if (answer.closes) socket.end();
      else send();
    });
    socket.on('error', () => {
      // A connection that was never made is a request that was never answered.
      if (!isConnected) {
        tally.next += 1;
        tally.lost += 1;
      }
    });
    socket.on('close', () => {
      const mayRepeat = options.repeatsOnNewConnection === true && tally.repeated < options.requests;
      if (waiting && mayRepeat && buffered.length === 0) {
        tally.repeated += 1;
        tally.next -= 1;
      } else if (waiting) tally.lost += 1;
      resolve();
    });
  });
}

type ParsedAnswer = {
  readonly length: number;
  readonly bodyStart: number;
  readonly head: string;
  readonly status: string;
  /** The other side announced that it ends the connection. */
  readonly closes: boolean;
};

function bodied({ status, head, bodyStart, length }: ParsedAnswer, buffer: Buffer): Answer {
  return { status, head, body: buffer.toString('latin1', bodyStart, length) };
}

/** The complete answer at the start of the buffer; null: not complete yet. */
export function parseAnswer(buffer: Buffer): ParsedAnswer | null {
  const headEnd = buffer.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = buffer.toString('latin1', 0, headEnd);
  const status = head.slice(9, 12);
  const closes = /\r\nconnection: *close/i.test(head);
  const bodyStart = headEnd + 4;
  const parsed = { status, head, bodyStart, closes };
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const end = bodyStart + Number(length);
    return buffer.length >= end ? { ...parsed, length: end } : null;
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { ...parsed, length: bodyStart };
  let position = bodyStart;
  for (;;) {
    const lineEnd = buffer.indexOf('\r\n', position);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(buffer.toString('latin1', position, lineEnd), 16);
    position = lineEnd + 2 + size + 2;
    if (size === 0) return buffer.length >= position ? { ...parsed, length: position } : null;
    if (buffer.length < position) return null;
  }
}
