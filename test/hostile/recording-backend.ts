/**
 * A backend made of a socket. It keeps what it was sent to the byte and reads it as strictly as RFC 9112
 * allows: whatever is not plain framing is kept as a fault, because a lenient backend would be the second
 * parser that smuggling needs.
 */
import * as net from 'node:net';
import { chunkedBody } from './raw-client.ts';

export type Recorded = {
  readonly backend: string;
  readonly requestLine: string;
  /** As received, in order. */
  readonly lines: readonly string[];
  readonly body: string;
  /** The head came, its body did not. */
  readonly isCut: boolean;
  /** What is wrong with the framing; empty: nothing. */
  readonly faults: readonly string[];
};

export interface RecordingBackends {
  /** `127.0.0.1:port` by name. */
  readonly addresses: Readonly<Record<string, string>>;
  /** What came since the last call, by all backends. Ends the connections whose request is unfinished. */
  take(): readonly Recorded[];
  close(): void;
}

export async function startBackends(names: readonly string[]): Promise<RecordingBackends> {
  const recorded: Recorded[] = [];
  const unfinished = new Map<net.Socket, { readonly backend: string; text: string }>();
  const servers: net.Server[] = [];
  const sockets = new Set<net.Socket>();
  const addresses: Record<string, string> = {};
  for (const backend of names) {
    const server = net.createServer((socket) => {
      sockets.add(socket);
      const state = { backend, text: '' };
      socket.on('data', (chunk) => {
        state.text += chunk.toString('latin1');
        for (let one = firstRequest(state); one !== null; one = firstRequest(state)) {
          recorded.push(one);
          socket.write(answerFor(one));
        }
        if (state.text === '') unfinished.delete(socket);
        else unfinished.set(socket, state);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    addresses[backend] = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    servers.push(server);
  }
  return {
    addresses,
    take: () => {
      const taken = recorded.splice(0);
      for (const [socket, { backend, text }] of unfinished) {
        taken.push({ ...readHead(backend, text.split('\r\n\r\n')[0] ?? ''), body: '', isCut: true });
        socket.destroy();
      }
      unfinished.clear();
      return taken;
    },
    close: () => {
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Takes the first whole request off the text; null: none is whole yet. */
function firstRequest(state: { readonly backend: string; text: string }): Recorded | null {
  const end = state.text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = readHead(state.backend, state.text.slice(0, end));
  const after = state.text.slice(end + 4);
  const lengths = valuesOf(head.lines, 'content-length');
  const codings = valuesOf(head.lines, 'transfer-encoding');
  const length = Number(lengths[0] ?? 0);
  const whole =
    codings.length > 0
      ? chunkedBody(after)
      : after.length < length
        ? null
        : { body: after.slice(0, length), rest: after.slice(length) };
  if (whole === null) return null;
  state.text = whole.rest;
  return { ...head, body: whole.body, isCut: false };
}

const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP\/1\.1$/;
const FIELD_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:(?: [\t\x20-\x7e\x80-\xff]*)?$/;

function readHead(backend: string, text: string): Omit<Recorded, 'body' | 'isCut'> {
  const [requestLine = '', ...lines] = text.split('\r\n');
  const faults: string[] = [];
  if (!REQUEST_LINE.test(requestLine)) faults.push(`request line ${JSON.stringify(requestLine)}`);
  // A bare CR or LF, a NUL and a folded line do not match either.
  for (const line of lines) if (!FIELD_LINE.test(line)) faults.push(`field line ${JSON.stringify(line)}`);
  const lengths = valuesOf(lines, 'content-length');
  const codings = valuesOf(lines, 'transfer-encoding');
  if (lengths.length + codings.length > 1) faults.push('more than one framing header');
  if (lengths.some((length) => !/^\d+$/.test(length))) faults.push(`content-length ${lengths.join()}`);
  if (codings.some((coding) => coding !== 'chunked')) faults.push(`transfer-encoding ${codings.join()}`);
  const hosts = valuesOf(lines, 'host').length;
  if (hosts !== 1) faults.push(`${hosts} Host lines`);
  return { backend, requestLine, lines, faults };
}

export function valuesOf(lines: readonly string[], name: string): readonly string[] {
  return lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : [];
  });
}

function answerFor({ backend, requestLine }: Recorded): string {
  const head = `HTTP/1.1 200 OK\r\nx-backend: ${backend}\r\ncontent-length: ${backend.length}\r\n\r\n`;
  return requestLine.startsWith('HEAD ') ? head : head + backend;
}
