/**
 * WebSocket echo (RFC 6455) for the echo backend: sends every message back as it came.
 *
 * Written here because it is all the project needs of a server: no extension, no client, no fan-out.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { encodeFrame, FrameDecoder, FrameError, OPCODE, type Frame } from './websocket-frames.ts';

/** Longest message, fragments together; above it the connection closes with 1009. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** How long we wait for the client to end the connection after the close frames. */
const CLOSE_GRACE_MS = 2_000;
/** RFC 6455 §1.3: proves that the server understood a WebSocket handshake. */
const HANDSHAKE_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** Answers the handshake and echoes until either side closes. The first offered subprotocol is accepted. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy());
  const refusal = handshakeRefusal(request);
  if (refusal !== null) {
    socket.end(refusal);
    return;
  }
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${HANDSHAKE_GUID}`).digest('base64');
  const protocol = request.headers['sec-websocket-protocol']?.split(',')[0]?.trim();
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n` +
      `${protocol === undefined || protocol === '' ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`,
  );
  echoMessages(socket, head);
}

/** The raw HTTP answer to a bad handshake, or null when it is good (RFC 6455 §4.2.1, §4.4). */
function handshakeRefusal(request: IncomingMessage): string | null {
  if (!isWebSocketUpgrade(request) || request.method !== 'GET') return rawAnswer('400 Bad Request');
  if (request.headers['sec-websocket-version'] !== '13') {
    return rawAnswer('426 Upgrade Required', 'Sec-WebSocket-Version: 13\r\n');
  }
  const key = request.headers['sec-websocket-key'] ?? '';
  return /^[A-Za-z0-9+/]{22}==$/.test(key) ? null : rawAnswer('400 Bad Request');
}

function rawAnswer(status: string, headers = ''): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n${headers}\r\n`;
}

function echoMessages(socket: Duplex, head: Buffer): void {
  const decoder = new FrameDecoder(MAX_MESSAGE_BYTES);
  const message = { opcode: 0, parts: [] as Buffer[], bytes: 0 };
  let closing = false;

  const send = (opcode: number, payload: Uint8Array): void => {
    if (closing || socket.destroyed) return;
    // A client that sends but does not read must not fill our memory.
    if (!socket.write(encodeFrame(opcode, payload))) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
  };
  const close = (payload: Uint8Array): void => {
    send(OPCODE.close, payload);
    closing = true;
    socket.end();
    setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref();
  };
  const accept = (frame: Frame): void => {
    if (frame.opcode === OPCODE.ping) send(OPCODE.pong, frame.payload);
    else if (frame.opcode === OPCODE.close) close(checkedClosePayload(frame.payload));
    else if (frame.opcode !== OPCODE.pong) {
      const whole = addFragment(message, frame);
      if (whole !== null) send(whole.opcode, whole.payload);
    }
  };
  const read = (chunk: Buffer): void => {
    if (closing) return;
    try {
      for (const frame of decoder.push(chunk)) if (!closing) accept(frame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      close(closePayload(error.closeCode));
    }
  };
  socket.on('data', read);
  socket.on('end', () => socket.end());
  if (head.length > 0) read(head);
}

/** RFC 6455 §5.4: fragments of one message follow each other; only control frames may come between. */
function addFragment(
  message: { opcode: number; parts: Buffer[]; bytes: number },
  frame: Frame,
): { readonly opcode: number; readonly payload: Buffer } | null {
  const isContinuation = frame.opcode === OPCODE.continuation;
  if (isContinuation !== (message.opcode !== 0)) throw new FrameError(1002, 'fragments out of order');
  if (!isContinuation) message.opcode = frame.opcode;
  message.parts.push(frame.payload);
  message.bytes += frame.payload.length;
  if (message.bytes > MAX_MESSAGE_BYTES) throw new FrameError(1009, 'message too large');
  if (!frame.final) return null;
  const { opcode } = message;
  const payload = Buffer.concat(message.parts);
  Object.assign(message, { opcode: 0, parts: [], bytes: 0 });
  if (opcode === OPCODE.text) assertUtf8(payload);
  return { opcode, payload };
}

/** The close frame goes back as it came, unless it is itself malformed (RFC 6455 §5.5.1, §7.4). */
function checkedClosePayload(payload: Buffer): Buffer {
  if (payload.length === 0) return payload;
  const code = payload.length === 1 ? 0 : payload.readUInt16BE(0);
  const isDefined =
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
  if (!isDefined) throw new FrameError(1002, 'bad close code');
  assertUtf8(payload.subarray(2));
  return payload;
}

function closePayload(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return payload;
}

function assertUtf8(payload: Buffer): void {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(payload);
  } catch {
    throw new FrameError(1007, 'text is not UTF-8');
  }
}
