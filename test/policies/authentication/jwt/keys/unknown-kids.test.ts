/** Tokens that name keys which the set lacks: rotation, and whoever plays rotation to make us ask. */
import type { JWK } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AbsentKids } from '../../../../../src/policies/authentication/jwt/keys/absent-kids.ts';
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
let keys: RemoteKeys;

beforeAll(async () => {
  a = await publicJwk('a');
  b = await publicJwk('b');
});
beforeEach(() => {
  useVirtualTime();
  stand = new KeyStand([a]);
  keys = new RemoteKeys(JWKS, stand.runtime, () => 0.5);
  keys.join(stand.runtime, DAY);
});
afterEach(() => {
  vi.useRealTimers();
});

const current = (): KeySet | Promise<KeySet> => keys.current(DAY, stand.waitUntil);
const refreshed = (kid: string): KeySet | Promise<KeySet> => keys.refreshed(kid, DAY, stand.waitUntil);

describe('a rotated key', () => {
  it('is found by the first token that names it', async () => {
    const old = await current();
    await vi.advanceTimersByTimeAsync(MINUTE);
    stand.answer = answering({ keys: [a, b] });
    const set = await refreshed('b');
    expect(kidsOf(set)).toEqual(['a', 'b']);
    expect(set.version).toBeGreaterThan(old.version);
    expect(current()).toBe(set);
    expect(refreshed('b')).toBe(set);
    expect(stand.asks).toHaveLength(2);
  });

  it('is found by all that wait for it, with one request', async () => {
    await current();
    await vi.advanceTimersByTimeAsync(MINUTE);
    stand.answer = answering({ keys: [b] });
    stand.latencyMs = 200;
    const crowd = Promise.all(Array.from({ length: 500 }, async () => refreshed('b')));
    await vi.advanceTimersByTimeAsync(200);
    for (const set of await crowd) expect(kidsOf(set)).toEqual(['b']);
    expect(stand.asks).toHaveLength(2);
  });

  it('that comes right after a fetch waits for the end of the cooldown', async () => {
    const old = await current();
    stand.answer = answering({ keys: [a, b] });
    await vi.advanceTimersByTimeAsync(30 * SECOND - 1);
    expect(refreshed('b')).toBe(old);
    await vi.advanceTimersByTimeAsync(1);
    expect(kidsOf(await refreshed('b'))).toEqual(['a', 'b']);
  });

  it('asks even where the provider forbids to be asked less often than daily', async () => {
    stand.answer = answering({ keys: [a] }, { 'cache-control': 'max-age=86400' });
    await current();
    await vi.advanceTimersByTimeAsync(MINUTE);
    stand.answer = answering({ keys: [b] });
    expect(kidsOf(await refreshed('b'))).toEqual(['b']);
  });

  it('that cannot be fetched leaves the set as it is, and is not remembered as absent', async () => {
    const old = await current();
    await vi.advanceTimersByTimeAsync(MINUTE);
    stand.answer = failing();
    expect(await refreshed('b')).toBe(old);
    stand.answer = answering({ keys: [a, b] });
    await vi.advanceTimersByTimeAsync(31 * SECOND);
    expect(kidsOf(await refreshed('b'))).toEqual(['a', 'b']);
  });
});

describe('a flood of unknown key ids', () => {
  it('of 100,000 asks once per cooldown, and the known key verifies beside it', async () => {
    await current();
    await vi.advanceTimersByTimeAsync(MINUTE);
    const before = stand.asks.length;
    const pending: Promise<KeySet>[] = [];
    let lost = 0;
    const begun = performance.now();
    for (let count = 0; count < 100_000; count += 1) {
      const set = refreshed(`nobody-${count}`);
      if (set instanceof Promise) pending.push(set);
      const known = current();
      if (known instanceof Promise || known.keys[0]?.kid !== 'a') lost += 1;
      // A tenth of a second of the world's time per thousand: ten seconds in all.
      if (count % 1_000 === 999) await vi.advanceTimersByTimeAsync(100);
    }
    const tookMs = performance.now() - begun;
    await Promise.all(pending);
    process.stdout.write(
      `jwks flood: 100000 unknown kids at ${Math.round(100_000 / (tookMs / 1_000))}/s, ${stand.asks.length - before} fetch, ${pending.length} waited, ${lost} valid lost\n`,
    );
    expect(stand.asks.length - before).toBe(1);
    expect(lost).toBe(0);
  });

  it('for ten minutes asks once every 30 s', async () => {
    await current();
    for (let tick = 0; tick < 6_000; tick += 1) {
      await refreshed(`nobody-${tick}`);
      await vi.advanceTimersByTimeAsync(100);
    }
    const gaps = stand.asks.slice(1).map(({ atMs }, index) => atMs - (stand.asks[index]?.atMs ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(30 * SECOND);
    expect(stand.asks.length).toBeLessThanOrEqual(21);
  });

  it('does not reach a provider that fails more often than the back-off lets', async () => {
    await current();
    stand.answer = failing();
    for (let tick = 0; tick < 1_800; tick += 1) {
      expect(kidsOf(await refreshed(`nobody-${tick}`))).toEqual(['a']);
      await vi.advanceTimersByTimeAsync(SECOND);
    }
    // Half an hour, at most two in any minute.
    expect(stand.asks.length).toBeLessThanOrEqual(1 + 60);
  });

  it('while there is no set is refused like any other request', async () => {
    stand.answer = failing();
    await expect(refreshed('x')).rejects.toMatchObject({ status: 503, code: 'jwks-unavailable' });
    for (let count = 0; count < 1_000; count += 1) {
      await expect(refreshed(`x-${count}`)).rejects.toMatchObject({ status: 503 });
    }
    expect(stand.asks).toHaveLength(1);
  });
});

describe('a key id that the provider did not have', () => {
  it('is not asked for again at every cooldown', async () => {
    await current();
    await vi.advanceTimersByTimeAsync(MINUTE);
    for (let second = 0; second < 300; second += 1) {
      await refreshed('old');
      await vi.advanceTimersByTimeAsync(SECOND);
    }
    expect(stand.asks).toHaveLength(6);
  });

  it('is remembered for a bounded number of ids of bounded length', () => {
    const absent = new AbsentKids();
    for (let count = 0; count < 5_000; count += 1) absent.add(`kid-${count}`, 0);
    absent.add('x'.repeat(257), 0);
    expect(absent.size).toBe(1_000);
    expect(absent.isKnown('kid-4999', 59_999)).toBe(true);
    expect(absent.isKnown('kid-3999', 0)).toBe(false);
    expect(absent.isKnown('kid-4999', 60_000)).toBe(false);
    expect(absent.size).toBe(999);
  });
});
