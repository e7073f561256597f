import { describe, expect, it } from 'vitest';
import { ForgetfulStore } from '../../src/access-log/forgetful-store.ts';
import type { Counter } from '../../src/limits/counter.ts';

const counter = (startMs: number): Counter => ({
  limit: { algorithm: 'fixed-window', rate: 1, periodMs: 1_000 },
  state: { algorithm: 'fixed-window', startMs, used: 1 },
});

const idleAtMs = ({ state }: Counter): number => ('startMs' in state ? state.startMs + 1_000 : 0);

describe('ForgetfulStore', () => {
  it('keeps what still says something, whatever the number', () => {
    const store = new ForgetfulStore(idleAtMs);
    for (let key = 0; key < 30_000; key += 1) store.set(String(key), counter(0));
    store.forget(999);
    expect(store.size).toBe(30_000);
    store.delete('0');
    expect(store.get('0')).toBeNull();
    expect(store.get('1')).toEqual(counter(0));
  });

  it('never holds many more than twice what is not idle', () => {
    const store = new ForgetfulStore(idleAtMs);
    let most = 0;
    // One new key a millisecond, each idle a second later.
    for (let atMs = 0; atMs < 200_000; atMs += 1) {
      store.set(String(atMs), counter(atMs));
      store.forget(atMs);
      most = Math.max(most, store.size);
    }
    expect(most).toBeLessThanOrEqual(10_000);
  });
});
