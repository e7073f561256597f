/** A request's place is held to the last byte of its answer, whoever ends it, and costs the answer nothing. */
import { randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placesAtRest, placesOf, startPlacesStand } from './places-stand.ts';
import { answerOf, answers, requestOf, type Stand } from './stand.ts';
import { sleep, values, within, type Wire } from './wire.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await startPlacesStand([
    { prefix: '/', timeout_ms: 30_000 },
    { prefix: '/short/', timeout_ms: 500 },
  ]);
});
afterAll(() => stand.close());

async function send(request: Buffer): Promise<Wire> {
  const client = await stand.connect();
  await client.write(request);
  return client;
}

async function held(): Promise<number> {
  const { taken, freed } = await placesOf(stand);
  return taken - freed;
}

/** All that were taken have been given back, none twice. */
async function expectRest(): Promise<void> {
  const { taken, freed } = await placesAtRest(stand, 2_000);
  expect(taken - freed).toBe(0);
}

describe('bytes', () => {
  const packed = zlib.gzipSync(randomBytes(40_000));

  it.each([
    ['gzip of known length', ['Content-Encoding: gzip', `Content-Length: ${packed.length}`], packed],
    ['an unknown encoding', ['Content-Encoding: x-own', 'Content-Length: 700'], randomBytes(700)],
    ['none at all', ['Content-Length: 0'], Buffer.alloc(0)],
  ])('%s come as they were sent', async (name, lines, body) => {
    const path = `/bytes-${name.replaceAll(' ', '-')}`;
    stand.backend.on(path, answers(answerOf('200 OK', lines, body)));
    const client = await send(requestOf(`GET ${path}`, ['Accept-Encoding: gzip']));
    const head = await client.head();
    expect(values(head, 'content-length')).toEqual([String(body.length)]);
    expect(values(head, 'content-encoding')).toEqual(lines.length === 2 ? [lines[0]?.split(': ')[1]] : []);
    expect((await client.body(head)).equals(body)).toBe(true);
    await expectRest();
  });

  it('are none of HEAD, whose length stays', async () => {
    stand.backend.on('/head', answers(answerOf('200 OK', ['Content-Length: 1000'])));
    const client = await send(requestOf('HEAD /head'));
    expect(values(await client.head(), 'content-length')).toEqual(['1000']);
    await expectRest();
  });
});

describe('a place', () => {
  const CHUNKED = ['Content-Type: text/event-stream', 'Transfer-Encoding: chunked'];

  it('is held while events still come, and given back with the last', async () => {
    const last = Promise.withResolvers<void>();
    stand.backend.on('/events', async ({ wire }) => {
      await wire.write(answerOf('200 OK', CHUNKED, '3\r\none\r\n'));
      await last.promise;
      await wire.write(Buffer.from('3\r\ntwo\r\n0\r\n\r\n'));
    });
    const client = await send(requestOf('GET /events'));
    const head = await client.head();
    await sleep(200);
    expect(await held()).toBe(1);
    last.resolve();
    expect((await client.body(head)).toString()).toBe('onetwo');
    await expectRest();
  });

  it('is given back when the client goes away, and the upstream hears of it', async () => {
    const ended = Promise.withResolvers<unknown>();
    stand.backend.on('/gone', async ({ wire }) => {
      await wire.write(answerOf('200 OK', CHUNKED, '3\r\none\r\n'));
      ended.resolve(await wire.ended);
    });
    const client = await send(requestOf('GET /gone'));
    await client.head();
    expect(await held()).toBe(1);
    client.reset();
    await within(2_000, ended.promise);
    await expectRest();
  });

  it.each(['reset', 'silence'] as const)(
    'is given back when the upstream ends in %s, and the answer is cut',
    async (how) => {
      const path = how === 'reset' ? '/cut' : '/short/cut';
      stand.backend.on(path, async ({ wire }) => {
        await wire.write(answerOf('200 OK', ['Content-Length: 1000000'], Buffer.alloc(30_000, 'x')));
        if (how === 'silence') await sleep(5_000);
        wire.reset();
      });
      const client = await send(requestOf(`GET ${path}`));
      await client.head();
      expect((await within(3_000, client.rest())).length).toBeLessThan(1_000_000);
      await expectRest();
    },
  );

  it('is given back when the gateway answers for the upstream', async () => {
    stand.backend.on('/short/late', () => sleep(2_000));
    const client = await send(requestOf('GET /short/late'));
    expect((await client.head()).startLine).toBe('HTTP/1.1 504 Gateway Timeout');
    await expectRest();
  });
});
