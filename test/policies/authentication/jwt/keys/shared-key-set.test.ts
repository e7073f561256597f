/** Isolates of one place hand sets to each other; what they hand over is judged like what a provider answers. */
import type { JWK } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { RemoteKeys } from '../../../../../src/policies/authentication/jwt/keys/remote-keys.ts';
import { addressName } from '../../../../../src/policies/authentication/jwt/keys/shared-key-set.ts';
import {
  answering,
  DISCOVERY,
  failing,
  HOUR,
  JWKS,
  KeyStand,
  kidsOf,
  MemoryTexts,
  MINUTE,
  publicJwk,
  SECOND,
  useVirtualTime,
} from './key-stand.ts';

const DAY = 24 * HOUR;
const NAME = addressName(JWKS);
let a: JWK;
let b: JWK;
let shared: MemoryTexts;

beforeAll(async () => {
  a = await publicJwk('a');
  b = await publicJwk('b');
});
beforeEach(() => {
  useVirtualTime();
  shared = new MemoryTexts();
});
afterEach(() => {
  vi.useRealTimers();
});

type Isolate = {
  readonly stand: KeyStand;
  current(): Promise<readonly (string | null)[]>;
  refreshed(kid: string): Promise<readonly (string | null)[]>;
};

function isolate(keys: readonly JWK[], random = 0.5): Isolate {
  const stand = new KeyStand(keys, { shared });
  const source = new RemoteKeys(JWKS, stand.runtime, () => random);
  source.join(stand.runtime, DAY);
  return {
    stand,
    current: async () => kidsOf(await source.current(DAY, stand.waitUntil)),
    refreshed: async (kid) => kidsOf(await source.refreshed(kid, DAY, stand.waitUntil)),
  };
}

function put(entry: object): void {
  shared.texts.set(NAME, JSON.stringify(entry));
}

describe('a set that another isolate has fetched', () => {
  it('is taken over with its age, so that a removed key does not live twice as long', async () => {
    const first = isolate([a]);
    await first.current();
    expect(shared.seconds).toEqual([86_400]);
    await vi.advanceTimersByTimeAsync(6 * MINUTE);
    const second = isolate([b]);
    expect(await second.current()).toEqual(['a']);
    expect(second.stand.asks).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(4 * MINUTE);
    expect(await second.current()).toEqual(['b']);
  });

  it('saves the renewal of the others', async () => {
    const isolates = Array.from({ length: 5 }, (_, index) => isolate([a], index / 5));
    for (const one of isolates) await one.current();
    for (let second = 0; second < 3_600; second += 1) {
      for (const one of isolates) await one.current();
      await vi.advanceTimersByTimeAsync(SECOND);
      for (const { stand } of isolates) await stand.settle();
    }
    const asks = isolates.reduce((sum, { stand }) => sum + stand.asks.length, 0);
    // One isolate alone with the shortest jitter asks every five minutes.
    expect(asks).toBeLessThanOrEqual(13);
  });

  it('answers for a rotated key, and its cooldown holds for all', async () => {
    const first = isolate([a]);
    const second = isolate([a]);
    await first.current();
    await second.current();
    await vi.advanceTimersByTimeAsync(MINUTE);
    first.stand.answer = answering({ keys: [a, b] });
    expect(await first.refreshed('b')).toEqual(['a', 'b']);
    expect(await second.refreshed('b')).toEqual(['a', 'b']);
    expect(await second.refreshed('nobody')).toEqual(['a', 'b']);
    expect(second.stand.asks).toHaveLength(0);
  });

  it('serves an isolate that starts in an outage, within the stale bound', async () => {
    await isolate([a]).current();
    await vi.advanceTimersByTimeAsync(DAY - HOUR);
    const late = isolate([a]);
    late.stand.answer = failing();
    expect(await late.current()).toEqual(['a']);
    expect(late.stand.asks).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(HOUR);
    await expect(late.current()).rejects.toMatchObject({ status: 503 });
    const later = isolate([a]);
    later.stand.answer = failing();
    await expect(later.current()).rejects.toMatchObject({ status: 503 });
  });
});

function text(keys: readonly object[]): string {
  return JSON.stringify({ keys });
}

describe('a shared text is not believed', () => {
  it.each<readonly [string, () => unknown]>([
    ['from the future', () => ({ v: 1, fetchedAtMs: Date.now() + 2 * MINUTE, lifeMs: 600_000, text: text([a]) })],
    ['older than the stale bound', () => ({ v: 1, fetchedAtMs: Date.now() - DAY, lifeMs: 600_000, text: text([a]) })],
    ['of another format', () => ({ v: 2, fetchedAtMs: Date.now(), lifeMs: 600_000, text: text([a]) })],
    ['without a time', () => ({ v: 1, lifeMs: 600_000, text: text([a]) })],
    ['with a time that is none', () => ({ v: 1, fetchedAtMs: '0', lifeMs: 600_000, text: text([a]) })],
    ['without a set', () => ({ v: 1, fetchedAtMs: Date.now(), lifeMs: 600_000 })],
    ['with an empty set', () => ({ v: 1, fetchedAtMs: Date.now(), lifeMs: 600_000, text: text([]) })],
    [
      'with a symmetric key',
      () => ({ v: 1, fetchedAtMs: Date.now(), lifeMs: 600_000, text: text([{ kty: 'oct', k: 'AAAA' }]) }),
    ],
    ['that is no JSON inside', () => ({ v: 1, fetchedAtMs: Date.now(), lifeMs: 600_000, text: '<html>' })],
    ['that is null', () => null],
  ])('%s', async (_name, entry) => {
    put(entry() as object);
    const cold = isolate([b]);
    expect(await cold.current()).toEqual(['b']);
    expect(cold.stand.asks).toHaveLength(1);
  });

  it('that is no JSON', async () => {
    shared.texts.set(NAME, '{');
    expect(await isolate([b]).current()).toEqual(['b']);
  });

  it('for longer than ten minutes, whatever it says', async () => {
    put({ v: 1, fetchedAtMs: Date.now(), lifeMs: 9e9, text: text([a]) });
    const cold = isolate([b]);
    expect(await cold.current()).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(await cold.current()).toEqual(['b']);
  });

  it('when it does not come', async () => {
    const cold = isolate([b]);
    shared.get = () => new Promise(() => undefined);
    const answer = cold.current();
    await vi.advanceTimersByTimeAsync(SECOND);
    expect(await answer).toEqual(['b']);
  });
});

it('names differ by everything that leads to another set', () => {
  const { target } = JWKS;
  const names = [
    JWKS,
    { ...JWKS, path: '/other' },
    { ...JWKS, target: { ...target, upstream: `${target.upstream}?ca=a.pem` } },
    { ...JWKS, target: { ...target, origin: 'https://idp2.test' } },
    DISCOVERY,
    { ...DISCOVERY, issuer: 'https://idp.test/a' },
  ].map(addressName);
  expect(new Set(names).size).toBe(names.length);
  expect(addressName({ ...JWKS, maxStaleMs: 1 })).toBe(NAME);
});
