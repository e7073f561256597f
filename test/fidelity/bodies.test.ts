/** Bodies byte for byte: every content-encoding, every framing, small and large, both ways. */
import { createHash, randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { residentKb } from '../faults/process-facts.ts';
import { answerOf, requestOf, startStand, type Stand } from './stand.ts';
import { sleep, values, type Head, type Wire } from './wire.ts';

const MB = 1_000_000;
const LARGE = 100 * MB;
const ROUNDS = Number(process.env['FIDELITY_ROUNDS'] ?? 3);

let stand: Stand;
beforeAll(async () => {
  stand = await startStand([
    { prefix: '/', timeout_ms: 60_000 },
    { prefix: '/unbounded/', timeout_ms: 0 },
    { prefix: '/watched/', timeout_ms: 60_000, idle_timeout_ms: 20_000 },
    { prefix: '/changed/', timeout_ms: 60_000, add_response_headers: { 'x-added': 'yes' } },
  ]);
});
afterAll(() => stand.close());

const text = Buffer.from('The quick brown fox jumps over the lazy dog. '.repeat(2000), 'latin1');
const noise = randomBytes(50_000);
/** Neither tiny nor long, in every encoding. */
const short = noise.subarray(0, 3000);
const encode: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  identity: (bytes) => bytes,
  gzip: (bytes) => zlib.gzipSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};

type Case = { readonly name: string; readonly encoding: string | null; readonly bytes: Buffer };
const cases: readonly Case[] = [
  { name: 'no encoding', encoding: null, bytes: noise },
  ...Object.entries(encode).map(([encoding, by]) => ({ name: encoding, encoding, bytes: by(text) })),
  ...Object.entries(encode).map(([encoding, by]) => ({ name: `${encoding}, short`, encoding, bytes: by(short) })),
  { name: 'gzip of what does not compress', encoding: 'gzip', bytes: zlib.gzipSync(noise) },
  { name: 'an encoding that nobody knows', encoding: 'x-rot13', bytes: noise },
  { name: 'claims gzip and is not', encoding: 'gzip', bytes: Buffer.from('plain text, whatever the header says') },
  { name: 'claims br and is not, long', encoding: 'br', bytes: noise },
  { name: 'gzip cut short by its maker', encoding: 'gzip', bytes: zlib.gzipSync(noise).subarray(0, 30_000) },
  { name: 'two encodings', encoding: 'gzip, br', bytes: encode['br']?.(zlib.gzipSync(text)) ?? text },
  { name: 'letter case of the encoding', encoding: 'GZip', bytes: zlib.gzipSync(text) },
];

function chunked(bytes: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

function framed(bytes: Buffer, framing: 'length' | 'chunked'): { readonly line: string; readonly body: Buffer } {
  if (framing === 'length') return { line: `Content-Length: ${bytes.length}`, body: bytes };
  return { line: 'Transfer-Encoding: chunked', body: chunked(bytes, 7001) };
}

async function get(path: string, lines: readonly string[], answer: Buffer): Promise<{ head: Head; body: Buffer }> {
  stand.backend.on(path, async ({ wire }) => wire.write(answer));
  const client = await stand.connect();
  await client.write(requestOf(`GET ${path}`, lines));
  const head = await client.head();
  const body = await client.body(head);
  client.fin();
  expect((await client.rest()).length).toBe(0);
  return { head, body };
}

describe.each(['length', 'chunked'] as const)('answers framed by %s', (framing) => {
  describe.each(['/plain', '/unbounded/x', '/watched/x', '/changed/x'])('on %s', (path) => {
    it.each(cases)('$name', async ({ encoding, bytes }) => {
      for (const accepted of [null, 'gzip, br', 'identity']) {
        const { line, body } = framed(bytes, framing);
        const lines = [
          'Content-Type: text/plain',
          line,
          ...(encoding === null ? [] : [`Content-Encoding: ${encoding}`]),
        ];
        const asked = accepted === null ? [] : [`Accept-Encoding: ${accepted}`];
        const got = await get(path, asked, answerOf('200 OK', lines, body));
        expect(got.body.equals(bytes)).toBe(true);
        expect(values(got.head, 'content-encoding')).toEqual(encoding === null ? [] : [encoding]);
        const length = framing === 'length' ? [String(bytes.length)] : [];
        expect(values(got.head, 'content-length')).toEqual(length);
        expect(values(got.head, 'x-added')).toEqual(path.startsWith('/changed') ? ['yes'] : []);
      }
    });
  });

  it('requests in every encoding', async () => {
    for (const { encoding, bytes } of cases) {
      let received: { head: Head; body: Buffer } | null = null;
      stand.backend.on('/sent', async ({ wire, head }) => {
        received = { head, body: await wire.body(head) };
        await wire.write(answerOf('204 No Content', []));
      });
      const { line, body } = framed(bytes, framing);
      const lines = [line, ...(encoding === null ? [] : [`Content-Encoding: ${encoding}`])];
      const client = await stand.connect();
      await client.write(requestOf('POST /sent', lines, body));
      expect((await client.head()).startLine).toBe('HTTP/1.1 204 No Content');
      if (received === null) throw new Error('The backend saw nothing.');
      const { head: seen, body: seenBody } = received as { head: Head; body: Buffer };
      expect(seenBody.equals(bytes)).toBe(true);
      expect(values(seen, 'content-encoding')).toEqual(encoding === null ? [] : [encoding]);
      expect(values(seen, 'content-length')).toEqual(framing === 'length' ? [String(bytes.length)] : []);
    }
  });
});

describe('framing', () => {
  it('an empty chunked answer is empty', async () => {
    const { body } = await get('/empty', [], answerOf('200 OK', ['Transfer-Encoding: chunked'], '0\r\n\r\n'));
    expect(body.length).toBe(0);
  });

  it('an answer of length 0 says so', async () => {
    const { head } = await get('/zero', [], answerOf('200 OK', ['Content-Length: 0']));
    expect(values(head, 'content-length')).toEqual(['0']);
  });

  it('a range passes with its status and header', async () => {
    const lines = ['Content-Range: bytes 5-9/100', 'Content-Length: 5'];
    let asked: readonly string[] = [];
    stand.backend.on('/range', async ({ wire, head }) => {
      asked = values(head, 'range');
      await wire.write(answerOf('206 Partial Content', lines, '56789'));
    });
    const client = await stand.connect();
    await client.write(requestOf('GET /range', ['Range: bytes=5-9']));
    const head = await client.head();
    expect(asked).toEqual(['bytes=5-9']);
    expect(head.startLine).toBe('HTTP/1.1 206 Partial Content');
    expect(values(head, 'content-range')).toEqual(['bytes 5-9/100']);
    expect((await client.body(head)).toString()).toBe('56789');
  });

  it('an answer that only its connection ends is whole', async () => {
    stand.backend.on('/until-close', async ({ wire }) => {
      await wire.write(answerOf('200 OK', ['Connection: close'], noise));
      wire.fin();
    });
    const client = await stand.connect();
    await client.write(requestOf('GET /until-close'));
    const head = await client.head();
    expect((await client.body(head)).equals(noise)).toBe(true);
  });
});

/** Bytes that are cheap to make and never the same twice in a row. */
class Source {
  readonly hash = createHash('sha256');
  readonly #block = randomBytes(MB);
  #count = 0;

  next(): Buffer {
    this.#block.writeUInt32LE(this.#count, 0);
    this.#count += 1;
    this.hash.update(this.#block);
    return Buffer.from(this.#block);
  }
}

async function writeLarge(wire: Wire, head: readonly string[], startLine: string, isChunked: boolean): Promise<string> {
  const source = new Source();
  const line = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${LARGE}`;
  await wire.write([startLine, ...head, line, '', ''].join('\r\n'));
  for (let sent = 0; sent < LARGE; sent += MB) {
    const block = source.next();
    if (isChunked) await wire.write(`${block.length.toString(16)}\r\n`);
    await wire.write(block);
    if (isChunked) await wire.write('\r\n');
  }
  if (isChunked) await wire.write('0\r\n\r\n');
  return source.hash.digest('hex');
}

async function readLarge(wire: Wire, head: Head): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  await wire.eachPart(head, (part) => {
    bytes += part.length;
    hash.update(part);
  });
  expect(bytes).toBe(LARGE);
  return hash.digest('hex');
}

describe(`bodies of ${LARGE / MB} MB`, () => {
  it.each([
    ['length', '/large', []],
    ['chunked', '/large', []],
    ['length', '/watched/large', []],
    ['length, said to be gzip', '/large', ['Content-Encoding: gzip']],
  ] as const)('down, %s, %s', async (framing, path, lines) => {
    let sent = '';
    stand.backend.on(path, async ({ wire }) => {
      sent = await writeLarge(wire, lines, 'HTTP/1.1 200 OK', framing === 'chunked');
    });
    const client = await stand.connect();
    await client.write(requestOf(`GET ${path}`));
    expect(await readLarge(client, await client.head())).toBe(sent);
  });

  it.each(['length', 'chunked'])('up, %s', async (framing) => {
    let received = '';
    stand.backend.on('/upload', async ({ wire, head }) => {
      received = await readLarge(wire, head);
      await wire.write(answerOf('204 No Content', []));
    });
    const client = await stand.connect();
    const sent = await writeLarge(client, ['Host: a.test'], 'POST /upload HTTP/1.1', framing === 'chunked');
    expect((await client.head()).startLine).toBe('HTTP/1.1 204 No Content');
    expect(received).toBe(sent);
  });

  it('leave the memory of the process where it was', async () => {
    const resident: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      stand.backend.on('/both', async ({ wire, head }) => {
        await readLarge(wire, head);
        await writeLarge(wire, [], 'HTTP/1.1 200 OK', false);
      });
      const client = await stand.connect();
      await writeLarge(client, ['Host: a.test'], 'POST /both HTTP/1.1', false);
      await readLarge(client, await client.head());
      client.fin();
      resident.push(Math.round(residentKb(stand.pid) / 1024));
    }
    console.log(JSON.stringify({ fidelity: 'resident', rounds: ROUNDS, megabytesPerRound: 200, residentMb: resident }));
    expect(resident.at(-1)).toBeLessThanOrEqual((resident[0] ?? 0) * 1.5 + 64);
  }, 120_000);

  it('a reader that stops stops the backend as well', async () => {
    const progress = { written: 0 };
    stand.backend.on('/slow-reader', async ({ wire }) => {
      await wire.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n`);
      const block = randomBytes(MB);
      for (; progress.written < LARGE; progress.written += MB) await wire.write(block);
    });
    const client = await stand.connect();
    client.socket.pause();
    await client.write(requestOf('GET /slow-reader'));
    for (let before = -1; before !== progress.written || before === 0;) {
      before = progress.written;
      await sleep(300);
    }
    // Kernel buffers on two connections; the rest would have to be memory of the gateway.
    expect(progress.written).toBeLessThan(60 * MB);
    client.socket.destroy();
  });
});
