import * as fc from 'fast-check';
import * as net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { MAX_MESSAGE_BYTES } from '../../src/dev/websocket-echo.ts';
import { encodeFrame, FrameDecoder, FrameError } from '../../src/dev/websocket-frames.ts';

let echo: EchoServer;
beforeAll(async () => {
  echo = await startEcho({ name: 'ws', port: 0 });
});
afterAll(() => echo.close());

function open(protocols: string[] = []): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(echo.url.replace('http', 'ws'), protocols);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => resolve(socket));
    socket.addEventListener('error', () => reject(new Error('WebSocket failed')));
  });
}
function exchange(socket: WebSocket, message: string | Uint8Array<ArrayBuffer>): Promise<unknown> {
  return new Promise((resolve) => {
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => resolve(data), { once: true });
    socket.send(message);
  });
}

function bytesOf(data: unknown): Uint8Array {
  if (!(data instanceof ArrayBuffer)) throw new TypeError('expected a binary message');
  return new Uint8Array(data);
}

/** What a browser would send: the same frame, masked. */
function clientFrame(opcode: number, payload: Uint8Array, { final = true, mask = [1, 2, 3, 4] } = {}): Buffer {
  const plain = encodeFrame(opcode, payload);
  const headerBytes = plain.length - payload.length;
  const header = Buffer.from(plain.subarray(0, headerBytes));
  header[0] = (final ? 0x80 : 0) | opcode;
  header[1] = (header[1] ?? 0) | 0x80;
  return Buffer.concat([header, Buffer.from(mask), Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)))]);
}

const HANDSHAKE =
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** Sends raw bytes after the handshake; resolves with everything that came after the 101 headers. */
function rawFrames(frames: Buffer, handshake = HANDSHAKE): Promise<{ head: string; frames: Buffer }> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(echo.port, '127.0.0.1', () =>
      socket.write(Buffer.concat([Buffer.from(handshake), frames])),
    );
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const all = Buffer.concat(chunks);
      const end = all.indexOf('\r\n\r\n') + 4;
      resolve({ head: all.subarray(0, end).toString(), frames: all.subarray(end) });
    });
  });
}
const CLOSE_1000 = Buffer.from([0x03, 0xe8]);
const closeFrame = (code: number): Buffer => encodeFrame(8, Buffer.from([code >> 8, code & 255]));

describe('WebSocket echo', () => {
  it('echoes text and binary and closes with the same code', async () => {
    const socket = await open();
    expect(await exchange(socket, 'Grüße ✓')).toBe('Grüße ✓');
    expect(bytesOf(await exchange(socket, new Uint8Array([0, 255, 7])))).toEqual(new Uint8Array([0, 255, 7]));
    expect(await exchange(socket, '')).toBe('');
    const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve));
    socket.close(4001, 'enough');
    expect(await closed).toMatchObject({ code: 4001, reason: 'enough', wasClean: true });
  });

  it.each([125, 126, 65_535, 65_536, 3_000_000])('echoes a message of %i bytes', async (length) => {
    const socket = await open();
    const sent = Uint8Array.from({ length }, (_, at) => at % 251);
    const back = bytesOf(await exchange(socket, sent));
    expect(Buffer.compare(back, sent)).toBe(0);
    socket.close();
  });

  it('accepts the first subprotocol', async () => {
    const socket = await open(['chat.v2', 'chat.v1']);
    expect(socket.protocol).toBe('chat.v2');
    socket.close();
  });

  it('computes the accept key of RFC 6455 §1.3', async () => {
    const { head } = await rawFrames(clientFrame(8, CLOSE_1000));
    expect(head).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it('joins fragments and answers a ping between them', async () => {
    const { frames } = await rawFrames(
      Buffer.concat([
        clientFrame(1, Buffer.from('Hel'), { final: false }),
        clientFrame(9, Buffer.from('p')),
        clientFrame(0, Buffer.from('lo')),
        clientFrame(10, Buffer.from('unasked pong')),
        clientFrame(8, CLOSE_1000),
      ]),
    );
    const expected = [encodeFrame(10, Buffer.from('p')), encodeFrame(1, Buffer.from('Hello')), closeFrame(1000)];
    expect(frames.toString('hex')).toBe(Buffer.concat(expected).toString('hex'));
  });

  it.each([
    ['an unmasked frame', encodeFrame(1, Buffer.from('x')), 1002],
    ['reserved bits', Buffer.concat([Buffer.from([0xc1, 0x80]), Buffer.alloc(4)]), 1002],
    ['an unknown opcode', clientFrame(3, Buffer.from('x')), 1002],
    ['a continuation of nothing', clientFrame(0, Buffer.from('x')), 1002],
    ['a fragmented ping', clientFrame(9, Buffer.from('x'), { final: false }), 1002],
    ['text that is not UTF-8', clientFrame(1, Buffer.from([0xff])), 1007],
    ['a close code that may not be sent', clientFrame(8, Buffer.from([0x03, 0xed])), 1002],
    ['a close payload of one byte', clientFrame(8, Buffer.from([3])), 1002],
    ['a frame above the limit', Buffer.concat([Buffer.from([0x82, 0xff]), lengthBytes(MAX_MESSAGE_BYTES + 1)]), 1009],
  ])('closes on %s', async (_name, frame, code) => {
    const { frames } = await rawFrames(frame);
    expect(frames.toString('hex')).toBe(closeFrame(code).toString('hex'));
  });

  it('refuses a handshake of another version or without a key', async () => {
    const other = await rawFrames(Buffer.alloc(0), HANDSHAKE.replace('Version: 13', 'Version: 8'));
    expect(other.head).toMatch(/^HTTP\/1\.1 426 [^]*Sec-WebSocket-Version: 13/);
    const keyless = await rawFrames(
      Buffer.alloc(0),
      HANDSHAKE.replace(/Sec-WebSocket-Key: [^\r]*/, 'Sec-WebSocket-Key: x'),
    );
    expect(keyless.head).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('frame decoder', () => {
  it('finds the same frames however the bytes are cut', () => {
    const frame = fc.record({
      opcode: fc.constantFrom(0, 1, 2),
      final: fc.boolean(),
      mask: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
      payload: fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ minLength: 120, maxLength: 130 }),
        fc.constant(new Uint8Array(65_536).fill(7)),
      ),
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 20 }),
        (sent, cuts) => {
          const bytes = Buffer.concat(
            sent.map(({ opcode, final, mask, payload }) => clientFrame(opcode, payload, { final, mask })),
          );
          const decoder = new FrameDecoder(1 << 20);
          const got = [];
          let turn = 0;
          for (let at = 0; at < bytes.length;) {
            const end = at + (cuts[turn++ % cuts.length] ?? 1);
            got.push(...decoder.push(bytes.subarray(at, end)));
            at = end;
          }
          expect(got.map(({ opcode, final, payload }) => [opcode, final, payload.toString('hex')])).toEqual(
            sent.map(({ opcode, final, payload }) => [opcode, final, Buffer.from(payload).toString('hex')]),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses a length that no buffer could hold', () => {
    const header = Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(8, 0xff)]);
    expect(() => new FrameDecoder(1000).push(header)).toThrow(FrameError);
  });
});

function lengthBytes(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}
