/**
 * One HTTP/1.1 request on a connection of its own, told as a client sees it: a whole answer, one that
 * was cut, none at all. Nothing here repeats or repairs.
 */
import * as net from 'node:net';

export type Ending =
  /** The framing says that everything arrived. */
  | 'complete'
  /** Headers arrived, and the connection ended before the framing said so. */
  | 'truncated'
  /** The connection ended before the headers. */
  | 'no-answer'
  /** Nothing ended within the time. */
  | 'hanging';

export type Outcome = {
  /** null: no headers. */
  readonly status: number | null;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly ending: Ending;
  readonly ms: number;
};

export type AskOptions = {
  readonly port: number;
  readonly path: string;
  readonly host?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** After this the outcome is `hanging`. Milliseconds, default 20000. */
  readonly withinMs?: number;
  /** Called once, when the first body bytes are there. */
  readonly onBody?: () => void;
};

export function ask(options: AskOptions): Promise<Outcome> {
  const { port, withinMs = 20_000 } = options;
  return new Promise((resolve) => {
    const started = performance.now();
    const socket = net.connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    let onBody = options.onBody;
    const finish = (hanging: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(judge(Buffer.concat(chunks), { hanging, ms: performance.now() - started }));
    };
    const timer = setTimeout(() => finish(true), withinMs);
    socket.on('connect', () => socket.write(requestText(options)));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const read = readAnswer(Buffer.concat(chunks));
      if (read !== null && read.body.length > 0) {
        onBody?.();
        onBody = undefined;
      }
      if (read?.isComplete === true) finish(false);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => finish(false));
  });
}

export function requestText({ path, host = 'gateway.test', method = 'GET', headers = {}, body }: AskOptions): string {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: ${host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

function judge(bytes: Buffer, { hanging, ms }: { readonly hanging: boolean; readonly ms: number }): Outcome {
  const read = readAnswer(bytes);
  if (read === null) {
    const ending = hanging ? 'hanging' : 'no-answer';
    return { status: null, headers: new Map(), body: Buffer.alloc(0), ending, ms };
  }
  const { status, headers, body, isComplete } = read;
  // An answer without framing ends with its connection: its clean end cannot be told from a cut.
  const isUnframed = !headers.has('content-length') && !headers.has('transfer-encoding');
  const ending = hanging ? 'hanging' : isComplete || isUnframed ? 'complete' : 'truncated';
  return { status, headers, body, ending, ms };
}

type Answer = Pick<Outcome, 'status' | 'headers' | 'body'> & { readonly isComplete: boolean };

/** null: the headers are not complete. Duplicate headers are joined with a comma. */
export function readAnswer(bytes: Buffer): Answer | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  const status = Number(statusLine.slice(9, 12));
  const rest = bytes.subarray(end + 4);
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return { status, headers, ...readChunks(rest) };
  const length = headers.get('content-length');
  const hasNoBody = status === 204 || status === 304;
  const isComplete = hasNoBody || (length !== undefined && rest.length >= Number(length));
  return { status, headers, body: rest, isComplete };
}

function readChunks(rest: Buffer): { readonly body: Buffer; readonly isComplete: boolean } {
  const chunks: Buffer[] = [];
  let position = 0;
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', position);
    if (lineEnd < 0) return { body: Buffer.concat(chunks), isComplete: false };
    const size = Number.parseInt(rest.toString('latin1', position, lineEnd), 16);
    const start = lineEnd + 2;
    if (size === 0) return { body: Buffer.concat(chunks), isComplete: rest.length >= start + 2 };
    chunks.push(rest.subarray(start, start + size));
    if (rest.length < start + size + 2) return { body: Buffer.concat(chunks), isComplete: false };
    position = start + size + 2;
  }
}

/** `count` requests, at most `parallel` at a time; outcomes in the order of the requests. */
export async function askMany(
  count: number,
  parallel: number,
  optionsOf: (index: number) => AskOptions,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      outcomes[index] = await ask(optionsOf(index));
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, count) }, worker));
  return outcomes;
}

/** `200` for a whole answer, else status and what became of it: `200 truncated`, `no-answer`. */
export function label({ status, ending }: Outcome): string {
  if (status === null) return ending;
  return ending === 'complete' ? String(status) : `${status} ${ending}`;
}

/** Milliseconds from connecting to the end of the answer. */
export function timesOf(outcomes: readonly Outcome[]): readonly number[] {
  return outcomes.map(({ ms }) => ms);
}
