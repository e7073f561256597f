/** Bytes in, bytes out: one connection per input, nothing between the input and the socket. */
import * as net from 'node:net';

export type RawAnswer = {
  /** 0: no status line came. */
  readonly status: number;
  /** Lower-case name to value; of repeated names the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
};

export type RawExchange = {
  /** Whole answers, in order; 1xx left out. */
  readonly answers: readonly RawAnswer[];
  /** Bytes after the last whole answer. */
  readonly rest: string;
  /** The server closed the connection by itself, before our FIN. */
  readonly closedFirst: boolean;
};

export type RawOptions = {
  /** Answers that the input asks for. Default 1. */
  readonly expected?: number;
  /** Silence after which an unfinished input counts as held open. Default 200. */
  readonly silenceMs?: number;
  /** `HEAD`: answers have no body. */
  readonly isHead?: boolean;
};

/** After our FIN the server has this long to close, in milliseconds. */
const CLOSE_MS = 1000;

/** Sends the bytes (latin-1) and collects what comes back until the connection ends. Never rejects. */
export function exchange(port: number, bytes: string, options: RawOptions = {}): Promise<RawExchange> {
  const { expected = 1, silenceMs = 200, isHead = false } = options;
  return new Promise((resolve) => {
    let received = '';
    let finSent = false;
    let closedFirst = false;
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const sendFin = (): void => {
      if (finSent) return;
      finSent = true;
      socket.end();
      clearTimeout(timer);
      timer = setTimeout(() => socket.destroy(), CLOSE_MS);
    };
    let timer = setTimeout(sendFin, silenceMs);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (finSent) return;
      clearTimeout(timer);
      timer = setTimeout(sendFin, silenceMs);
      if (splitAnswers(received, isHead).answers.length >= expected) sendFin();
    });
    socket.on('end', () => {
      closedFirst = !finSent;
      sendFin();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve({ ...splitAnswers(received, isHead), closedFirst });
    });
    socket.write(Buffer.from(bytes, 'latin1'));
  });
}

export function splitAnswers(text: string, isHead: boolean): { answers: RawAnswer[]; rest: string } {
  const answers: RawAnswer[] = [];
  let rest = text;
  for (;;) {
    const one = firstAnswer(rest, isHead);
    if (one === null) return { answers, rest };
    if (one.answer.status >= 200) answers.push(one.answer);
    rest = one.rest;
  }
}

function firstAnswer(text: string, isHead: boolean): { answer: RawAnswer; rest: string } | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1] ?? 0);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const after = text.slice(end + 4);
  const body =
    isHead || status < 200 || status === 204 || status === 304 ? { body: '', rest: after } : bodyOf(headers, after);
  return body === null ? null : { answer: { status, headers, body: body.body }, rest: body.rest };
}

function bodyOf(headers: ReadonlyMap<string, string>, text: string): { body: string; rest: string } | null {
  if (headers.get('transfer-encoding') === 'chunked') return chunkedBody(text);
  const length = Number(headers.get('content-length') ?? 0);
  return text.length < length ? null : { body: text.slice(0, length), rest: text.slice(length) };
}

/** null: not whole. Only the plain form is understood: size, CRLF, data, CRLF. */
export function chunkedBody(text: string): { body: string; rest: string } | null {
  let body = '';
  let at = 0;
  for (;;) {
    const line = /^([0-9a-fA-F]{1,8})\r\n/.exec(text.slice(at, at + 10));
    if (line === null) return null;
    const size = Number.parseInt(line[1] ?? '', 16);
    const start = at + line[0].length;
    const end = start + size;
    if (text.slice(end, end + 2) !== '\r\n') return null;
    body += text.slice(start, end);
    at = end + 2;
    if (size === 0) return { body, rest: text.slice(at) };
  }
}
