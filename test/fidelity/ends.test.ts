/** Clients that go away, upstreams that fall silent or die, uploads that stop: every wait ends. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerOf, requestOf, startStand, type Stand } from './stand.ts';
import { sleep, within, type End, type Wire } from './wire.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await startStand([
    { prefix: '/', timeout_ms: 30_000 },
    { prefix: '/short/', timeout_ms: 700 },
    { prefix: '/idle/', timeout_ms: 30_000, idle_timeout_ms: 500 },
    { prefix: '/unbounded/', timeout_ms: 0 },
  ]);
});
afterAll(() => stand.close());

const CHUNKED = 'Transfer-Encoding: chunked';
const SSE = ['Content-Type: text/event-stream', CHUNKED];

function chunk(text: string): string {
  return `${Buffer.byteLength(text, 'latin1').toString(16)}\r\n${text}\r\n`;
}

async function send(request: Buffer): Promise<Wire> {
  const client = await stand.connect();
  await client.write(request);
  return client;
}

const silent = async (): Promise<void> => undefined;
const halfway = (wire: Wire): Promise<void> =>
  wire.write(answerOf('200 OK', ['Content-Length: 1000000'], Buffer.alloc(30_000, 'x')));
const events = (wire: Wire): Promise<void> => wire.write(answerOf('200 OK', SSE, chunk('data: 1\n\n')));
const shortHalf = (wire: Wire): Promise<void> => wire.write(answerOf('200 OK', ['Content-Length: 2000'], 'half'));
const tinyHalf = (wire: Wire): Promise<void> => wire.write(answerOf('200 OK', ['Content-Length: 10'], 'half'));

describe('a client that goes away', () => {
  it.each([
    ['before the head', silent],
    ['in the middle of a long body', halfway],
    ['between two events', events],
    ['in the middle of a short body', shortHalf],
    ['in the middle of a tiny body', tinyHalf],
  ])('by reset %s: the backend sees it within a second', async (name, begin) => {
    const path = `/gone-${name.replaceAll(' ', '-')}`;
    let ended: Promise<End> | null = null;
    const started = Promise.withResolvers<void>();
    stand.backend.on(path, async ({ wire }) => {
      await begin(wire);
      ended = wire.ended;
      started.resolve();
      await sleep(5000);
    });
    const client = await send(requestOf(`GET ${path}`));
    await within(5000, started.promise);
    if (begin !== silent) await client.head();
    client.reset();
    if (ended === null) throw new Error('unreachable');
    await within(1000, ended);
  });

  it.each(['reset', 'fin'] as const)(
    'by %s in the middle of an upload: the backend sees it within a second',
    async (how) => {
      const path = `/upload-${how}`;
      const begun = Promise.withResolvers<Wire>();
      stand.backend.on(path, async ({ wire }) => {
        await wire.bytes(30_000);
        begun.resolve(wire);
        await sleep(5000);
      });
      const client = await send(requestOf(`POST ${path}`, ['Content-Length: 1000000'], Buffer.alloc(30_000, 'x')));
      const wire = await within(5000, begun.promise);
      if (how === 'reset') client.reset();
      else client.socket.destroy();
      await within(1000, wire.ended);
    },
  );

  it('by end of stream is noticed when the next bytes cannot be delivered', async () => {
    const ended = Promise.withResolvers<void>();
    stand.backend.on('/closed', async ({ wire }) => {
      await wire.write(answerOf('200 OK', SSE));
      const ticking = setInterval(() => void wire.write(chunk('data: tick\n\n')), 50);
      await within(5000, wire.ended).finally(() => clearInterval(ticking));
      ended.resolve();
    });
    const client = await send(requestOf('GET /closed'));
    await client.until('tick');
    client.socket.destroy();
    await within(2000, ended.promise);
  });
});

describe('an upstream that is silent', () => {
  it('before the head: 504 when the time is up, and its connection is let go', async () => {
    const ended = Promise.withResolvers<End>();
    stand.backend.on('/short/silent', async ({ wire }) => {
      wire.ended.then(ended.resolve, ended.reject);
      await sleep(5000);
    });
    const client = await send(requestOf('GET /short/silent'));
    const head = await client.head(3000);
    expect(head.startLine).toBe('HTTP/1.1 504 Gateway Timeout');
    expect((await client.body(head)).toString()).toContain('"upstream-timeout"');
    await within(1000, ended.promise);
  });

  const bodies = [
    ['short', ['Content-Length: 2000'], 'half'],
    ['short, gzip', ['Content-Length: 2000', 'Content-Encoding: gzip'], 'half'],
    ['long', ['Content-Length: 100000'], 'x'.repeat(20_000)],
    ['long, gzip', ['Content-Length: 100000', 'Content-Encoding: gzip'], 'x'.repeat(20_000)],
    ['chunked', [CHUNKED], chunk('some')],
    ['chunked, br', [CHUNKED, 'Content-Encoding: br'], chunk('some')],
  ] as const;
  it.each(bodies)(
    'in the middle of a body (%s): the answer is cut and its connection let go',
    async (name, lines, body) => {
      for (const prefix of ['/short', '/idle']) {
        const path = `${prefix}/stall-${name.replaceAll(/\W+/g, '-')}`;
        const ended = Promise.withResolvers<End>();
        stand.backend.on(path, async ({ wire }) => {
          await wire.write(answerOf('200 OK', lines, body));
          wire.ended.then(ended.resolve, ended.reject);
          await sleep(5000);
        });
        const client = await send(requestOf(`GET ${path}`));
        const head = await client.head();
        expect(head.startLine).toBe('HTTP/1.1 200 OK');
        await expect(client.body(head, 3000)).rejects.toThrow('The connection ended');
        await within(1000, ended.promise);
      }
    },
  );

  it('after the head of a short body: 504', async () => {
    stand.backend.on('/short/no-body', async ({ wire }) => {
      await wire.write(answerOf('200 OK', ['Content-Length: 2000']));
      await sleep(5000);
    });
    const client = await send(requestOf('GET /short/no-body'));
    expect((await client.head(3000)).startLine).toBe('HTTP/1.1 504 Gateway Timeout');
  });

  it('that sends a byte now and then does not outlive the total time, and does outlive the idle time', async () => {
    for (const [path, isCut] of [
      ['/short/drip', true],
      ['/idle/drip', false],
    ] as const) {
      stand.backend.on(path, async ({ wire }) => {
        await wire.write(answerOf('200 OK', [CHUNKED]));
        for (let count = 0; count < 12; count += 1) {
          await wire.write(chunk('.'));
          await sleep(100);
        }
        await wire.write('0\r\n\r\n');
      });
      const client = await send(requestOf(`GET ${path}`));
      const head = await client.head();
      const body = client.body(head, 3000);
      if (isCut) await expect(body).rejects.toThrow('The connection ended');
      else expect((await body).toString()).toBe('............');
    }
  });
});

describe('an upstream that dies', () => {
  const deaths: readonly (readonly [string, (wire: Wire) => void])[] = [
    ['by reset', (wire) => wire.reset()],
    ['in order', (wire) => wire.socket.destroy()],
  ];
  const bodies = [
    ['tiny', ['Content-Length: 10'], 'half'],
    ['short', ['Content-Length: 2000'], 'half'],
    ['long', ['Content-Length: 100000'], 'x'.repeat(20_000)],
    ['long, gzip', ['Content-Length: 100000', 'Content-Encoding: gzip'], 'x'.repeat(20_000)],
    ['chunked', [CHUNKED], chunk('some')],
  ] as const;
  describe.each(deaths)('%s', (how, die) => {
    it.each(bodies)('in the middle of a body (%s): the client sees that it is cut', async (name, lines, body) => {
      for (const prefix of ['', '/idle', '/unbounded']) {
        const path = `${prefix}/die-${how.slice(0, 2)}-${name.replaceAll(/\W+/g, '-')}`;
        stand.backend.on(path, async ({ wire }) => {
          await wire.write(answerOf('200 OK', lines, body));
          await sleep(60);
          die(wire);
        });
        const client = await send(requestOf(`GET ${path}`));
        const head = await client.head();
        await expect(client.body(head, 3000)).rejects.toThrow('The connection ended');
      }
    });
  });

  it.each(['GET', 'HEAD', 'OPTIONS'])('before the head: a %s is sent once more, not twice', async (method) => {
    const path = `/once-more-${method}`;
    stand.backend.on(path, async ({ wire }) => {
      if (stand.backend.arrivals(path) === 1) wire.reset();
      else await wire.write(answerOf('200 OK', ['Content-Length: 0']));
    });
    expect((await (await send(requestOf(`${method} ${path}`))).head()).startLine).toBe('HTTP/1.1 200 OK');
    expect(stand.backend.arrivals(path)).toBe(2);

    const never = `/never-${method}`;
    stand.backend.on(never, async ({ wire }) => wire.reset());
    expect((await (await send(requestOf(`${method} ${never}`))).head()).startLine).toBe(
      'HTTP/1.1 503 Service Unavailable',
    );
    expect(stand.backend.arrivals(never)).toBe(2);
  });

  it.each([
    ['POST', 'Content-Length: 0', ''],
    ['POST', 'Content-Length: 5', 'hello'],
    ['PUT', 'Content-Length: 5', 'hello'],
    ['DELETE', 'X-None: 1', ''],
    ['PATCH', 'Content-Length: 5', 'hello'],
    ['GET', 'Content-Length: 5', 'hello'],
    ['QUERY', 'Content-Length: 5', 'hello'],
  ])('before the head: a %s with %s is never repeated', async (method, line, body) => {
    const path = `/not-again-${method}-${body}`;
    stand.backend.on(path, async ({ wire }) => wire.reset());
    const client = await send(requestOf(`${method} ${path}`, [line], body));
    const head = await client.head();
    expect(head.startLine).toBe('HTTP/1.1 503 Service Unavailable');
    expect((await client.body(head)).toString()).toContain(method === 'HEAD' ? '' : '"upstream-unreachable"');
    expect(stand.backend.arrivals(path)).toBe(1);
  });

  it('between two requests on a kept connection: the next GET is served on a new one', async () => {
    stand.backend.on('/idle-close', async ({ wire }) => {
      await wire.write(answerOf('200 OK', ['Content-Length: 2'], 'ok'));
      // The race in its purest form: the next request is already on its way to a closed connection.
      if (stand.backend.arrivals('/idle-close') % 2 === 1) wire.reset();
    });
    const client = await stand.connect();
    for (let count = 0; count < 30; count += 1) {
      await client.write(requestOf('GET /idle-close'));
      const head = await client.head();
      expect(head.startLine).toBe('HTTP/1.1 200 OK');
      expect((await client.body(head)).toString()).toBe('ok');
    }
  });
});

describe('an upload', () => {
  it.each([
    ['long', 'Content-Length: 100000', 'x'.repeat(1000)],
    ['chunked', CHUNKED, chunk('some')],
    ['short', 'Content-Length: 100', 'some'],
  ])('that stops (%s) is answered with 504 and let go', async (name, line, body) => {
    const path = `/short/stopped-${name}`;
    const ended = Promise.withResolvers<End>();
    stand.backend.on(path, async ({ wire }) => {
      wire.ended.then(ended.resolve, ended.reject);
      await sleep(5000);
    });
    const client = await send(requestOf(`POST ${path}`, [line], body));
    expect((await client.head(3000)).startLine).toBe('HTTP/1.1 504 Gateway Timeout');
    await within(1000, ended.promise);
  });

  it('of a byte now and then is cut as well', async () => {
    stand.backend.on('/short/drip-up', async () => sleep(6000));
    const client = await send(requestOf('POST /short/drip-up', ['Content-Length: 100000']));
    const dripping = setInterval(() => void client.write('x'), 100);
    try {
      expect((await client.head(3000)).startLine).toBe('HTTP/1.1 504 Gateway Timeout');
    } finally {
      clearInterval(dripping);
    }
  });

  it('that moves may take longer than the time that its answer has', async () => {
    let received = 0;
    stand.backend.on('/short/steady', async ({ wire, head }) => {
      received = (await wire.body(head)).length;
      await sleep(300);
      await wire.write(answerOf('204 No Content', []));
    });
    const parts = 8;
    const size = 40_000;
    const client = await send(requestOf('POST /short/steady', [`Content-Length: ${parts * size}`]));
    for (let count = 0; count < parts; count += 1) {
      await client.write(Buffer.alloc(size, 'x'));
      await sleep(150);
    }
    expect((await client.head(3000)).startLine).toBe('HTTP/1.1 204 No Content');
    expect(received).toBe(parts * size);
  });

  it('leaves the time of its answer bounded', async () => {
    stand.backend.on('/short/then-silent', async ({ wire, head }) => {
      await wire.body(head);
      await sleep(5000);
    });
    const client = await send(requestOf('POST /short/then-silent', ['Content-Length: 40000'], Buffer.alloc(40_000)));
    expect((await client.head(3000)).startLine).toBe('HTTP/1.1 504 Gateway Timeout');
  });
});
