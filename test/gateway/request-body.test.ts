import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRequestBody } from '../../src/gateway/request-body.ts';

type Source = {
  readonly stream: ReadableStream<Uint8Array>;
  readonly cancelled: () => unknown;
  readonly pulls: () => number;
};

/** Gives one chunk per read; `error` breaks off where the chunks end. */
function sourceOf(chunks: readonly Uint8Array[], error?: Error): Source {
  const rest = chunks.values();
  let cancelled: unknown;
  let pulls = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        pulls += 1;
        const { value } = rest.next();
        if (value !== undefined) controller.enqueue(new Uint8Array(value));
        else if (error === undefined) controller.close();
        else controller.error(error);
      },
      cancel: (reason) => {
        cancelled = reason;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, cancelled: () => cancelled, pulls: () => pulls };
}

function requestOf(stream: ReadableStream<Uint8Array> | null, method = 'POST'): Request {
  return new Request('http://gateway.test/', { method, body: stream, duplex: 'half' } as RequestInit);
}

function bytesOf(length: number, seed = 7): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed) % 256);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
}

/** As the gateway reads it: into buffers of its own. */
async function readByob(stream: ReadableStream<Uint8Array> | null, size = 16_384): Promise<Uint8Array> {
  if (stream === null) throw new Error('no stream');
  const reader = stream.getReader({ mode: 'byob' });
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(size));
    if (done) return joined(chunks);
    chunks.push(value);
  }
}

const CHUNKS = [bytesOf(10, 1), bytesOf(1, 2), bytesOf(0), bytesOf(100, 3)];
const WHOLE = joined(CHUNKS);

describe('peek', () => {
  it.each([
    [0, false],
    [1, false],
    [10, false],
    [11, false],
    [110, false],
    [111, true],
    [112, true],
    [1_000_000, true],
  ])('%i of 111 bytes', async (maxBytes, isWhole) => {
    const body = createRequestBody(requestOf(sourceOf(CHUNKS).stream));
    const peeked = await body.peek(maxBytes);
    expect(peeked.isWhole).toBe(isWhole);
    expect([...peeked.bytes]).toEqual([...WHOLE.subarray(0, maxBytes)]);
    expect([...(await readByob(body.rest()))]).toEqual([...WHOLE]);
  });

  it('reads no more than it must', async () => {
    const source = sourceOf([bytesOf(10), bytesOf(10), bytesOf(10), bytesOf(10)]);
    await createRequestBody(requestOf(source.stream)).peek(15);
    expect(source.pulls()).toBe(2);
  });

  it('looks further when it is asked again, and again the same', async () => {
    const body = createRequestBody(requestOf(sourceOf(CHUNKS).stream));
    expect((await body.peek(5)).bytes).toEqual(WHOLE.subarray(0, 5));
    expect(await body.peek(50)).toEqual({ bytes: WHOLE.subarray(0, 50), isWhole: false });
    expect((await body.peek(5)).bytes).toEqual(WHOLE.subarray(0, 5));
    expect(await body.peek(500)).toEqual({ bytes: WHOLE, isWhole: true });
    expect(await readByob(body.rest())).toEqual(WHOLE);
  });

  it('is nothing for a request without a body, and for an empty one', async () => {
    const none = createRequestBody(requestOf(null));
    expect(await none.peek(10)).toEqual({ bytes: new Uint8Array(0), isWhole: true });
    expect(none.rest()).toBeNull();
    const empty = createRequestBody(requestOf(sourceOf([]).stream));
    expect(await empty.peek(10)).toEqual({ bytes: new Uint8Array(0), isWhole: true });
    expect(await readByob(empty.rest())).toEqual(new Uint8Array(0));
  });

  it.each(['GET', 'HEAD'])('leaves the body of %s alone', async (method) => {
    // The platform's Request has no body for these; workerd's has.
    const source = sourceOf(CHUNKS);
    const raw = Object.create(requestOf(null), {
      method: { value: method },
      body: { value: source.stream },
    }) as Request;
    const body = createRequestBody(raw);
    expect(await body.peek(10)).toEqual({ bytes: new Uint8Array(0), isWhole: true });
    expect([body.rest(), source.stream.locked, source.pulls()]).toEqual([null, false, 0]);
  });

  it('says that the body broke off', async () => {
    const lost = new Error('connection lost');
    const body = createRequestBody(requestOf(sourceOf(CHUNKS, lost).stream));
    await expect(body.peek(1000)).rejects.toMatchObject({
      status: 400,
      code: 'request-body-broken',
      options: { cause: lost },
    });
  });
});

describe('rest', () => {
  it('is null while nobody looked: the request has its body still', async () => {
    const raw = requestOf(sourceOf(CHUNKS).stream);
    expect(createRequestBody(raw).rest()).toBeNull();
    expect(new Uint8Array(await raw.arrayBuffer())).toEqual(WHOLE);
  });

  it('breaks off where the source does, after all that came', async () => {
    const body = createRequestBody(requestOf(sourceOf(CHUNKS, new Error('connection lost')).stream));
    await body.peek(20);
    const reader = body.rest()?.getReader();
    const got: Uint8Array[] = [];
    const read = async (): Promise<void> => {
      for (;;) {
        const next = await reader?.read();
        if (next?.value === undefined) return;
        got.push(next.value);
      }
    };
    await expect(read()).rejects.toThrow('connection lost');
    expect(joined(got)).toEqual(WHOLE);
  });

  it('cancels the source', async () => {
    const source = sourceOf(CHUNKS);
    const body = createRequestBody(requestOf(source.stream));
    await body.peek(1);
    const reason = new Error('nobody wants it');
    await body.rest()?.cancel(reason);
    expect(source.cancelled()).toBe(reason);
  });

  it('leaves the bytes that were looked at to whoever looked', async () => {
    const body = createRequestBody(requestOf(sourceOf([bytesOf(50)]).stream));
    const { bytes } = await body.peek(20);
    await readByob(body.rest());
    expect(bytes).toEqual(bytesOf(20));
  });
});

it('neither loses, doubles nor moves a byte, whatever the chunks and however it is read', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.array(fc.nat(200), { minLength: 1, maxLength: 4 }),
      fc.option(fc.integer({ min: 1, max: 64 })),
      async (chunks, peeks, byob) => {
        const whole = joined(chunks);
        const body = createRequestBody(requestOf(sourceOf(chunks).stream));
        for (const maxBytes of peeks) {
          const peeked = await body.peek(maxBytes);
          expect(peeked.bytes).toEqual(whole.subarray(0, maxBytes));
          expect(peeked.isWhole).toBe(whole.length <= maxBytes);
        }
        const rest = body.rest();
        const read =
          byob === null ? new Uint8Array(await new Response(rest).arrayBuffer()) : await readByob(rest, byob);
        expect(read).toEqual(whole);
      },
    ),
    { numRuns: 300 },
  ));
