/** The life of a key set in one isolate, in virtual time. */
import * as fc from 'fast-check';
import type { JWK } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KeySet } from '../../../../../src/policies/authentication/jwt/keys/key-source.ts';
import { RemoteKeys } from '../../../../../src/policies/authentication/jwt/keys/remote-keys.ts';
import {
  answering,
  failing,
  HOUR,
  JWKS,
  KeyStand,
  kidsOf,
  MINUTE,
  publicJwk,
  SECOND,
  useVirtualTime,
} from './key-stand.ts';

const DAY = 24 * HOUR;
let a: JWK;
let b: JWK;
let stand: KeyStand;

beforeAll(async () => {
  a = await publicJwk('a');
  b = await publicJwk('b');
});
beforeEach(() => {
  useVirtualTime();
  stand = new KeyStand([a]);
});
afterEach(() => {
  vi.useRealTimers();
});

function remote(random = 0.5): RemoteKeys {
  const keys = new RemoteKeys(JWKS, stand.runtime, () => random);
  keys.join(stand.runtime, DAY);
  return keys;
}

function ask(keys: RemoteKeys, maxStaleMs = DAY): KeySet | Promise<KeySet> {
  return keys.current(maxStaleMs, stand.waitUntil);
}

/** One request now: what it got, whether it had to wait. */
async function probe(
  keys: RemoteKeys,
  maxStaleMs = DAY,
): Promise<{ kids: readonly (string | null)[]; waited: boolean }> {
  const result = ask(keys, maxStaleMs);
  const waited = result instanceof Promise;
  const kids = kidsOf(await result);
  return { kids, waited };
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await stand.settle();
}

describe('a set that is there', () => {
  it('costs one request however many wait for it, and none to get again', async () => {
    stand.latencyMs = 300;
    const keys = remote();
    const crowd = Promise.all(Array.from({ length: 1_000 }, async () => ask(keys)));
    await vi.advanceTimersByTimeAsync(300);
    const sets = await crowd;
    expect(stand.asks).toHaveLength(1);
    expect(new Set(sets).size).toBe(1);
    expect(ask(keys)).toBe(sets[0]);
  });

  it('is renewed between 50 and 80 % of ten minutes, without a request waiting', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (random) => {
        stand = new KeyStand([a]);
        const keys = remote(random);
        const first = await ask(keys);
        const begun = Date.now();
        while (stand.asks.length === 1) {
          expect(ask(keys)).toBe(first);
          await pass(SECOND);
          if (Date.now() - begun > 10 * MINUTE) throw new Error('never renewed');
        }
        const age = (stand.asks[1]?.atMs ?? 0) - begun;
        expect(age).toBeGreaterThanOrEqual(5 * MINUTE);
        expect(age).toBeLessThanOrEqual(8 * MINUTE + SECOND);
        // The same keys are the same set: what was verified with them stays verified.
        expect(ask(keys)).toBe(first);
      }),
      { numRuns: 20 },
    );
  });

  it('begins one renewal for any number of requests meanwhile', async () => {
    const keys = remote();
    await ask(keys);
    await pass(7 * MINUTE);
    stand.latencyMs = 2 * SECOND;
    for (let count = 0; count < 500; count += 1) expect(ask(keys)).not.toBeInstanceOf(Promise);
    await vi.advanceTimersByTimeAsync(2 * SECOND);
    await stand.settle();
    expect(stand.asks).toHaveLength(2);
  });

  it('loses a key that the provider removed within ten minutes', async () => {
    for (const random of [0, 0.5, 0.999]) {
      stand = new KeyStand([a, b]);
      const keys = remote(random);
      await ask(keys);
      // Right after the fetch: the worst moment.
      stand.answer = answering({ keys: [b] });
      const removed = Date.now();
      let last = removed;
      for (let second = 0; second < 900; second += 1) {
        if ((await probe(keys)).kids.includes('a')) last = Date.now();
        await pass(SECOND);
      }
      expect(last - removed).toBeLessThanOrEqual(10 * MINUTE);
      expect((await probe(keys)).kids).toEqual(['b']);
    }
  });

  it('is not believed after a pause: the first request waits for a new one', async () => {
    stand = new KeyStand([a, b]);
    const keys = remote();
    await ask(keys);
    stand.answer = answering({ keys: [b] });
    await pass(10 * MINUTE);
    expect(await probe(keys)).toEqual({ kids: ['b'], waited: true });
  });

  it('counts its age from when it was asked for, since the answer may have been made then', async () => {
    stand.latencyMs = 4 * SECOND;
    const keys = remote();
    const first = ask(keys);
    await vi.advanceTimersByTimeAsync(4 * SECOND);
    await first;
    stand.latencyMs = 0;
    await pass(10 * MINUTE - 4 * SECOND);
    expect((await probe(keys)).waited).toBe(true);
  });

  it('has a new version when it changes, and only then', async () => {
    const keys = remote();
    const first = await ask(keys);
    await pass(10 * MINUTE);
    stand.answer = answering({ keys: [{ ...a, x5c: ['another certificate'] }] });
    expect(await ask(keys)).toBe(first);
    stand.answer = answering({ keys: [a, b] });
    await pass(10 * MINUTE);
    const second = await ask(keys);
    expect(second.version).toBeGreaterThan(first.version);
    expect(stand.logged.filter(({ event }) => event === 'jwks-changed').map(({ fields }) => fields['kids'])).toEqual([
      ['a'],
      ['a', 'b'],
    ]);
  });

  it.each([
    ['max-age=120', 120],
    ['public, max-age="90"', 90],
    ['max-age=5', 60],
    ['no-store', 60],
    ['no-cache, max-age=600', 60],
    ['max-age=86400', 600],
    ['max-age=-1', 600],
    ['private', 600],
    ['s-maxage=100', 600],
  ])('Cache-Control %s: lives %d s', async (header, seconds) => {
    stand.answer = answering({ keys: [a] }, { 'cache-control': header });
    const keys = remote();
    await ask(keys);
    await pass(seconds * SECOND - 1);
    // Old, but not past its life: renewed beside the request.
    expect((await probe(keys)).waited).toBe(false);
    await stand.settle();
    expect(stand.asks).toHaveLength(2);
    await pass(seconds * SECOND);
    expect((await probe(keys)).waited).toBe(true);
    expect(stand.asks).toHaveLength(3);
  });

  it('survives a clock that is set back', async () => {
    const keys = remote();
    await ask(keys);
    vi.setSystemTime(Date.now() - DAY);
    expect((await probe(keys)).waited).toBe(true);
    expect((await probe(keys)).waited).toBe(true);
    expect(stand.asks).toHaveLength(3);
  });
});

describe('an outage', () => {
  it('of 30 minutes refuses no valid token and makes none wait', async () => {
    const keys = remote();
    await ask(keys);
    stand.answer = failing();
    const begun = Date.now();
    let refused = 0;
    let waited = 0;
    for (let second = 0; second < 1_800; second += 1) {
      const seen = await probe(keys);
      if (!seen.kids.includes('a')) refused += 1;
      if (seen.waited) waited += 1;
      await pass(SECOND);
    }
    const attempts = stand.asks.filter(({ atMs }) => atMs > begun);
    const busiest = Math.max(
      ...attempts.map(
        ({ atMs }) => attempts.filter((other) => other.atMs >= atMs && other.atMs < atMs + MINUTE).length,
      ),
    );
    process.stdout.write(
      `jwks outage of 30 min: ${refused} of 1800 refused, ${waited} waited, ${attempts.length} attempts, at most ${busiest} within a minute\n`,
    );
    expect({ refused, waited }).toEqual({ refused: 0, waited: 0 });
    expect(busiest).toBeLessThanOrEqual(2);
    stand.answer = answering({ keys: [b] });
    const ended = Date.now();
    while (!(await probe(keys)).kids.includes('b')) await pass(SECOND);
    expect(Date.now() - ended).toBeLessThanOrEqual(61 * SECOND);
  });

  it('that hangs makes no request wait either', async () => {
    const keys = remote();
    await ask(keys);
    stand.answer = () => new Promise(() => undefined);
    for (let second = 0; second < 1_800; second += 1) {
      expect(await probe(keys)).toEqual({ kids: ['a'], waited: false });
      await vi.advanceTimersByTimeAsync(SECOND);
    }
    expect(new Set(stand.reasons())).toEqual(new Set(['timeout']));
  });

  it('ends with the stale bound, which is each route’s own', async () => {
    const keys = remote();
    keys.join(stand.runtime, 3 * DAY);
    const { version } = await ask(keys);
    stand.answer = failing();
    await pass(DAY - 1);
    expect((await probe(keys)).kids).toEqual(['a']);
    await pass(1);
    await expect(ask(keys)).rejects.toMatchObject({ status: 503, code: 'jwks-unavailable' });
    expect((await probe(keys, 3 * DAY)).kids).toEqual(['a']);
    await pass(2 * DAY);
    await expect(ask(keys, 3 * DAY)).rejects.toMatchObject({ status: 503 });
    stand.answer = answering({ keys: [a] });
    await pass(MINUTE);
    expect((await ask(keys)).version).toBe(version);
  });

  it('before there was a set: 503 with Retry-After, few attempts, then it works by itself', async () => {
    stand.answer = failing();
    const keys = remote();
    const refusals: unknown[] = [];
    for (let second = 0; second < 600; second += 1) {
      for (let count = 0; count < 5; count += 1) {
        await Promise.resolve(ask(keys)).catch((error: unknown) => refusals.push(error));
      }
      await pass(SECOND);
    }
    expect(refusals).toHaveLength(3_000);
    for (const error of refusals) {
      expect(error).toMatchObject({ status: 503, code: 'jwks-unavailable' });
      const after = Number(Reflect.get(Object(Reflect.get(Object(error), 'options')).headers, 'retry-after'));
      expect(after).toBeGreaterThanOrEqual(1);
      expect(after).toBeLessThanOrEqual(60);
    }
    expect(stand.asks.length).toBeLessThan(20);
    stand.answer = answering({ keys: [a] });
    await pass(MINUTE);
    expect((await probe(keys)).kids).toEqual(['a']);
  });

  it('after a pause in the middle of an outage: one request waits, the set is used', async () => {
    const keys = remote();
    await ask(keys);
    stand.answer = failing();
    await pass(5 * HOUR);
    expect(await probe(keys)).toEqual({ kids: ['a'], waited: true });
    expect(await probe(keys)).toEqual({ kids: ['a'], waited: false });
  });
});

describe('what a provider may answer', () => {
  const bad: readonly (readonly [string, () => Response | Promise<Response>])[] = [
    ['status-500', () => Response.json({ keys: [a] }, { status: 500 })],
    ['status-404', () => Response.json({ keys: [a] }, { status: 404 })],
    ['status-206', () => Response.json({ keys: [a] }, { status: 206 })],
    ['redirect', () => Response.redirect('https://elsewhere.test/jwks', 302)],
    [
      'html',
      () => new Response(JSON.stringify({ keys: [a] }), { headers: { 'content-type': 'Text/HTML; charset=utf-8' } }),
    ],
    ['invalid-json', () => new Response('{"keys":[')],
    ['invalid-json', () => new Response('')],
    ['no-keys-array', () => Response.json([a])],
    ['no-keys-array', () => Response.json({ keys: { 0: a } })],
    ['no-keys-array', () => Response.json(null)],
    ['empty-set', () => Response.json({ keys: [] })],
    ['no-usable-key', () => Response.json({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }, 7] })],
    ['not-text', () => new Response(new Uint8Array([0x7b, 0xff, 0xfe]))],
    ['too-large', () => new Response('{}', { headers: { 'content-length': '600000' } })],
    ['too-large', () => new Response(endless())],
    ['timeout', () => new Promise(() => undefined)],
    ['timeout', () => new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array([0x7b])) }))],
    ['cut-off', () => new Response(new ReadableStream({ pull: (stream) => stream.error(new Error('reset')) }))],
    ['unreachable', failing()],
  ];

  it.each(bad)('%s: cold refuses, warm keeps what it has', async (reason, answer) => {
    const keys = remote();
    const warm = remote();
    await ask(warm);
    stand.answer = answer;
    await pass(10 * MINUTE);
    const cold = expect(ask(keys)).rejects.toMatchObject({ status: 503, code: 'jwks-unavailable' });
    const kept = probe(warm);
    for (let tick = 0; tick < 20; tick += 1) await vi.advanceTimersByTimeAsync(500);
    await cold;
    expect((await kept).kids).toEqual(['a']);
    expect(stand.reasons()).toEqual([reason, reason]);
  });

  it('lets go of a body that does not end', async () => {
    let cancelled = 0;
    let given = 0;
    stand.answer = () =>
      new Response(
        new ReadableStream({
          pull: (stream) => {
            given += 1;
            stream.enqueue(new Uint8Array(65_536).fill(0x20));
          },
          cancel: () => void (cancelled += 1),
        }),
      );
    await expect(ask(remote())).rejects.toMatchObject({ status: 503 });
    expect(cancelled).toBe(1);
    expect(given).toBeLessThan(12);
  });

  it('uses the good keys of a set with bad ones, and says so in one line', async () => {
    stand.answer = answering({ keys: [{ kty: 'oct', kid: 's', k: 'AAAA' }, a, { ...b, use: 'enc' }, 'x'] });
    const keys = remote();
    expect((await probe(keys)).kids).toEqual(['a']);
    await pass(6 * MINUTE);
    await probe(keys);
    await stand.settle();
    expect(stand.logged.filter(({ event }) => event === 'jwks-keys-dropped')).toMatchObject([
      {
        event: 'jwks-keys-dropped',
        fields: {
          address: 'https://idp.test/jwks',
          count: 3,
          keys: [
            { index: 0, kid: 's', reason: 'symmetric' },
            { index: 2, kid: 'b', reason: 'wrong-use' },
            { index: 3, kid: null, reason: 'not-an-object' },
          ],
        },
      },
    ]);
  });

  it('asks again when the runtime has ended the request that was asking', async () => {
    const keys = remote();
    stand.answer = () => new Promise(() => undefined);
    void Promise.resolve(ask(keys)).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(0);
    // Neither its fetch nor its timers will ever come back.
    vi.clearAllTimers();
    stand.answer = answering({ keys: [a] });
    vi.setSystemTime(Date.now() + 8 * SECOND);
    expect((await probe(keys)).kids).toEqual(['a']);
  });
});

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(100_000).fill(0x20)) });
}
