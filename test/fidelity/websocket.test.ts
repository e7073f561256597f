/** WebSockets through the gateway, frame by frame on raw sockets: joined by the runtime, and by script where somebody waits for their end. */
import { createHash, randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placesAtRest, placesOf, startPlacesStand } from './places-stand.ts';
import { answerOf, requestOf, startStand, type Stand } from './stand.ts';
import { sleep, values, within, type Head, type Wire } from './wire.ts';

let stand: Stand;

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const TEXT = 0x81;
const BINARY = 0x82;
const CLOSE = 0x88;
const PING = 0x89;
const PONG = 0x8a;

type Frame = { readonly head: number; readonly payload: Buffer };

/** RFC 6455 §5.2; frames of clients are masked. */
function frame(head: number, payload: Buffer, isMasked: boolean): Buffer {
  const { length } = payload;
  const size = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = Buffer.alloc(size);
  bytes[0] = head;
  const flag = isMasked ? 0x80 : 0;
  if (size === 2) bytes[1] = flag | length;
  else if (size === 4) {
    bytes[1] = flag | 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = flag | 127;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!isMasked) return Buffer.concat([bytes, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([bytes, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

async function readFrame(wire: Wire): Promise<Frame> {
  const [head = 0, second = 0] = await wire.bytes(2);
  let length = second & 0x7f;
  if (length === 126) length = (await wire.bytes(2)).readUInt16BE();
  else if (length === 127) length = Number((await wire.bytes(8)).readBigUInt64BE());
  const mask = (second & 0x80) === 0 ? null : await wire.bytes(4);
  const payload = await wire.bytes(length);
  return { head, payload: mask === null ? payload : (payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)) as Buffer) };
}

/** Frames of one message put together; control frames in between are answered or left out. */
async function readMessage(wire: Wire): Promise<Frame> {
  const first = await readFrame(wire);
  const parts = [first.payload];
  let isLast = (first.head & 0x80) !== 0;
  while (!isLast) {
    const next = await readFrame(wire);
    parts.push(next.payload);
    isLast = (next.head & 0x80) !== 0;
  }
  return { head: first.head | 0x80, payload: Buffer.concat(parts) };
}

function closing(code: number, reason: string): Buffer {
  const bytes = Buffer.alloc(2 + Buffer.byteLength(reason));
  bytes.writeUInt16BE(code);
  bytes.write(reason, 2);
  return bytes;
}

function accepting({ lines }: { readonly lines: readonly string[] } & Head, extra: readonly string[] = []): Buffer {
  const key = values({ startLine: '', lines }, 'sec-websocket-key')[0] ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const head = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`, ...extra];
  return answerOf('101 Switching Protocols', head);
}

const upgrade = (path: string, lines: readonly string[] = []): Buffer =>
  requestOf(`GET ${path}`, [
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    ...lines,
  ]);

type Opened = { readonly client: Wire; readonly server: Wire; readonly seen: Head; readonly head: Head };

async function open(path: string, asks: readonly string[] = [], grants: readonly string[] = []): Promise<Opened> {
  const arrived = Promise.withResolvers<{ wire: Wire; head: Head }>();
  stand.backend.on(path, async ({ wire, head }) => {
    await wire.write(accepting(head, grants));
    arrived.resolve({ wire, head });
    await sleep(15_000);
  });
  const client = await stand.connect();
  await client.write(upgrade(path, asks));
  const head = await client.head();
  const { wire: server, head: seen } = await within(5000, arrived.promise);
  return { client, server, seen, head };
}

const WAYS = [
  ['joined by the runtime', startStand],
  ['relayed by script', startPlacesStand],
] as const;

describe.each(WAYS)('%s', (_, start) => {
  const isRelayed = start === startPlacesStand;
  beforeAll(async () => {
    stand = await start([
      { prefix: '/ws', allow_upgrade: ['websocket'], timeout_ms: 400, idle_timeout_ms: 300 },
      { prefix: '/plain', timeout_ms: 400 },
    ]);
  });
  afterAll(() => stand.close());

  describe('the handshake', () => {
    it('carries subprotocols and extra headers', async () => {
      const { seen, head } = await open(
        '/ws/protocol',
        ['Sec-WebSocket-Protocol: chat.v2, chat.v1', 'X-Up: 1'],
        ['Sec-WebSocket-Protocol: chat.v2', 'X-Down: 1'],
      );
      expect(values(seen, 'sec-websocket-protocol')).toEqual(['chat.v2, chat.v1']);
      expect(values(seen, 'x-up')).toEqual(['1']);
      expect(head.startLine).toBe('HTTP/1.1 101 Switching Protocols');
      expect(values(head, 'sec-websocket-protocol')).toEqual(['chat.v2']);
      expect(values(head, 'x-down')).toEqual(['1']);
      // RFC 6455 §1.3: the answer to this very key.
      expect(values(head, 'sec-websocket-accept')).toEqual(['s3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
    });

    it('carries an extension, and frames under it stay as they are', async () => {
      // The runtime writes the parameters anew, in this order.
      const deflate = 'permessage-deflate; client_no_context_takeover; server_no_context_takeover';
      const line = `Sec-WebSocket-Extensions: ${deflate}`;
      const { client, server, seen, head } = await open('/ws/deflate', [line], [line]);
      expect(values(seen, 'sec-websocket-extensions')).toEqual([deflate]);
      expect(values(head, 'sec-websocket-extensions')).toEqual([deflate]);
      const text = Buffer.from('compressed '.repeat(100));
      // RFC 7692 §7.2.1: the four bytes of the flush are left out.
      const compressed = zlib.deflateRawSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
      await server.write(frame(TEXT | 0x40, compressed, false));
      const { head: first, payload } = await readMessage(client);
      expect(first).toBe(TEXT | 0x40);
      const whole = Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]);
      expect(zlib.inflateRawSync(whole, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).equals(text)).toBe(true);
    });

    it.each(['400 Bad Request', '401 Unauthorized', '404 Not Found', '426 Upgrade Required', '200 OK'])(
      'answered with %s passes as it is',
      async (status) => {
        stand.backend.on('/ws/refused', ({ wire }) =>
          wire.write(answerOf(status, ['X-Why: no', 'Content-Length: 4'], 'nope')),
        );
        const client = await stand.connect();
        await client.write(upgrade('/ws/refused'));
        const head = await client.head();
        expect(head.startLine).toBe(`HTTP/1.1 ${status}`);
        expect(values(head, 'x-why')).toEqual(['no']);
        expect((await client.body(head)).toString()).toBe('nope');
      },
    );

    it('is bounded by timeout_ms', async () => {
      stand.backend.on('/ws/silent', async () => sleep(5000));
      const client = await stand.connect();
      await client.write(upgrade('/ws/silent'));
      expect((await client.head(3000)).startLine).toBe('HTTP/1.1 504 Gateway Timeout');
    });

    it('is refused on a route that does not allow it', async () => {
      const client = await stand.connect();
      await client.write(upgrade('/plain'));
      expect((await client.head()).startLine).toBe('HTTP/1.1 403 Forbidden');
      expect(stand.backend.arrivals('/plain')).toBe(0);
    });
  });

  describe('messages', () => {
    const messages = [
      ['empty text', TEXT, Buffer.alloc(0)],
      ['text', TEXT, Buffer.from('grüße, 世界')],
      ['binary with every byte', BINARY, Buffer.from(Array.from({ length: 256 }, (_, index) => index))],
      ['126 bytes', BINARY, randomBytes(126)],
      ['65,536 bytes', BINARY, randomBytes(65_536)],
      ['900,000 bytes', BINARY, randomBytes(900_000)],
    ] as const;

    it.each(messages)('pass both ways: %s', async (name, head, payload) => {
      const { client, server } = await open(`/ws/${name.replaceAll(/\W+/g, '-')}`);
      await client.write(frame(head, payload, true));
      const up = await readMessage(server);
      expect(up.head).toBe(head);
      expect(up.payload.equals(payload)).toBe(true);
      await server.write(frame(head, payload, false));
      const down = await readMessage(client);
      expect(down.head).toBe(head);
      expect(down.payload.equals(payload)).toBe(true);
    });

    it('fragments make one message', async () => {
      const { client, server } = await open('/ws/fragments');
      await client.write(frame(0x01, Buffer.from('one '), true));
      await client.write(frame(0x00, Buffer.from('two '), true));
      await client.write(frame(0x80, Buffer.from('three'), true));
      expect((await readMessage(server)).payload.toString()).toBe('one two three');
    });

    it('flow long after timeout_ms and idle_timeout_ms are over', async () => {
      const { client, server } = await open('/ws/long');
      await sleep(1200);
      await client.write(frame(TEXT, Buffer.from('still here'), true));
      expect((await readMessage(server)).payload.toString()).toBe('still here');
      await server.write(frame(TEXT, Buffer.from('so am I'), false));
      expect((await readMessage(client)).payload.toString()).toBe('so am I');
    });

    it('a ping is answered', async () => {
      const { client, server } = await open('/ws/ping');
      await client.write(frame(PING, Buffer.from('beat'), true));
      // By whichever end: the runtime may answer for the upstream.
      const answered = readFrame(client);
      const asked = readFrame(server).then(async ({ head, payload }) => {
        if (head === PING) await server.write(frame(PONG, payload, false));
      });
      asked.catch(() => undefined);
      expect(await answered).toEqual({ head: PONG, payload: Buffer.from('beat') });
    });
  });

  describe('the end', () => {
    const codes = [
      [1000, 'done'],
      [1001, 'going away'],
      [1008, 'policy'],
      [1011, ''],
      [3000, 'registered'],
      [4999, 'our own: ü'],
    ] as const;

    it.each(codes)('the client closes with %i "%s"', async (code, reason) => {
      const { client, server } = await open(`/ws/client-closes-${code}`);
      await client.write(frame(CLOSE, closing(code, reason), true));
      expect(await readFrame(server)).toEqual({ head: CLOSE, payload: closing(code, reason) });
      await server.write(frame(CLOSE, closing(code, reason), false));
      expect(await readFrame(client)).toEqual({ head: CLOSE, payload: closing(code, reason) });
    });

    it.each(codes)('the upstream closes with %i "%s"', async (code, reason) => {
      const { client, server } = await open(`/ws/server-closes-${code}`);
      await server.write(frame(CLOSE, closing(code, reason), false));
      expect(await readFrame(client)).toEqual({ head: CLOSE, payload: closing(code, reason) });
      await client.write(frame(CLOSE, closing(code, reason), true));
      expect(await readFrame(server)).toEqual({ head: CLOSE, payload: closing(code, reason) });
    });

    // RFC 6455 §7.4: reserved, or of no range (1006 reads as a lost connection). Script may not send them, and the other side must not stay open for it.
    it.each([999, 1004, 1015, 5000])('a close by %i, which nobody may send, ends the other side', async (code) => {
      const told = closing(isRelayed ? 1002 : code, '');
      const first = await open(`/ws/client-closes-${code}`);
      await first.client.write(frame(CLOSE, closing(code, ''), true));
      expect(await within(2000, readFrame(first.server))).toEqual({ head: CLOSE, payload: told });
      const second = await open(`/ws/server-closes-${code}`);
      await second.server.write(frame(CLOSE, closing(code, ''), false));
      expect(await within(2000, readFrame(second.client))).toEqual({ head: CLOSE, payload: told });
    });

    it('a close without a code stays one', async () => {
      const { client, server } = await open('/ws/no-code');
      await client.write(frame(CLOSE, Buffer.alloc(0), true));
      expect(await readFrame(server)).toEqual({ head: CLOSE, payload: Buffer.alloc(0) });
    });

    it.each(['reset', 'end'] as const)('an upstream that dies by %s is no clean close for the client', async (how) => {
      const { client, server } = await open(`/ws/server-dies-${how}`);
      await server.write(frame(TEXT, Buffer.from('last words'), false));
      expect((await readMessage(client)).payload.toString()).toBe('last words');
      if (how === 'reset') server.reset();
      else server.socket.destroy();
      if (isRelayed) {
        // Script cannot break a connection: it ends when the client has answered the close frame.
        expect(await readFrame(client)).toEqual({ head: CLOSE, payload: closing(1011, '') });
        await client.write(frame(CLOSE, closing(1011, ''), true));
      }
      const left = await within(3000, client.rest());
      expect(left.length === 0 || left.readUInt16BE(2) !== 1000).toBe(true);
    });

    it('a client that dies ends the connection of the upstream', async () => {
      const { client, server } = await open('/ws/client-dies');
      client.reset();
      await within(2000, server.ended);
    });
  });
});

describe('a place for a WebSocket', () => {
  beforeAll(async () => {
    stand = await startPlacesStand([{ prefix: '/ws', allow_upgrade: ['websocket'] }]);
  });
  afterAll(() => stand.close());

  it.each<[string, (opened: Opened) => unknown]>([
    ['the client closes', ({ client }) => client.write(frame(CLOSE, closing(1000, ''), true))],
    ['the upstream closes', ({ server }) => server.write(frame(CLOSE, closing(1000, ''), false))],
    ['the client dies', ({ client }) => client.reset()],
    ['the upstream dies', ({ server }) => server.reset()],
  ])('is given back once when %s', async (name, end) => {
    const opened = await open(`/ws/place-${name.replaceAll(' ', '-')}`);
    await opened.client.write(frame(TEXT, Buffer.from('hello'), true));
    await readMessage(opened.server);
    const { taken, freed } = await placesOf(stand);
    expect(taken - freed).toBe(1);
    await end(opened);
    expect(await placesAtRest(stand, 2_000)).toEqual({ taken, freed: freed + 1 });
  });
});
