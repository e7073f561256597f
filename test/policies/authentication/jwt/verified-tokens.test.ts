import { describe, expect, it } from 'vitest';
import type { VerifiedToken } from '../../../../src/policies/authentication/jwt/verified-tokens.ts';
import { VerifiedTokenStore } from '../../../../src/policies/authentication/jwt/verified-tokens.ts';

function entry(text: string): VerifiedToken {
  return {
    token: { text, alg: 'ES256', kid: null, header: {}, claims: {}, signature: '' },
    time: { from: -Infinity, until: Infinity },
    consumer: { id: text, kind: 'jwt', issuer: null, plan: null, scopes: [], claims: {} },
    edits: [],
    key: { kid: null, algorithms: [], key: new Uint8Array(), id: '' },
    set: { keys: [], version: 1 },
  };
}

const count = (texts: readonly string[], has: (text: string) => boolean): number => texts.filter(has).length;
const names = (prefix: string, length: number): string[] => Array.from({ length }, (_, index) => `${prefix}${index}`);

describe('verified tokens', () => {
  it('are at most as many as the budget, over all configurations', () => {
    const store = new VerifiedTokenStore({ maxEntries: 100, maxBytes: 1e9 });
    const [a, b] = [store.of('a'), store.of('b')];
    const texts = names('t', 1_000);
    for (const text of texts) (Number(text.slice(1)) % 2 === 0 ? a : b).set(entry(text));
    const kept = [a, b].reduce((sum, { young, old }) => sum + young.size + old.size, 0);
    expect(kept).toBeLessThanOrEqual(100);
    expect(kept).toBeGreaterThan(40);
    expect(count(texts.slice(-40), (text) => (a.get(text) ?? b.get(text)) !== null)).toBe(40);
  });

  it('are bounded by bytes as well', () => {
    const store = new VerifiedTokenStore({ maxEntries: 1e9, maxBytes: 1_000_000 });
    const tokens = store.of('a');
    for (const text of names('x'.repeat(8_000), 1_000)) tokens.set(entry(text));
    expect(tokens.young.size + tokens.old.size).toBeLessThan(1_000_000 / 8_000);
    expect(tokens.young.size).toBeGreaterThan(0);
  });

  it('that are asked for stay, whatever flood passes by', () => {
    const store = new VerifiedTokenStore({ maxEntries: 100, maxBytes: 1e9 });
    const tokens = store.of('a');
    tokens.set(entry('wanted'));
    for (const [index, text] of names('t', 2_000).entries()) {
      tokens.set(entry(text));
      if (index % 20 === 0) expect(tokens.get('wanted')?.consumer.id).toBe('wanted');
    }
    expect(tokens.young.size + tokens.old.size).toBeLessThanOrEqual(100);
  });

  it('of one configuration are not those of another', () => {
    const store = new VerifiedTokenStore();
    store.of('a').set(entry('t'));
    expect(store.of('a').get('t')).not.toBeNull();
    expect(store.of('b').get('t')).toBeNull();
    store.of('a').delete('t');
    expect(store.of('a').get('t')).toBeNull();
  });

  it('of a configuration that was dropped and is used again are bounded like all', () => {
    const store = new VerifiedTokenStore({ maxEntries: 20, maxBytes: 1e9 });
    const held = store.of('a');
    held.set(entry('first'));
    for (const text of names('b', 100)) store.of('b').set(entry(text));
    expect(held.get('first')).toBeNull();
    // A new program made another one for the same configuration; the old one is still held.
    store.of('a').set(entry('second'));
    for (const text of names('a', 100)) held.set(entry(text));
    expect(held.young.size + held.old.size).toBeLessThanOrEqual(20);
    for (const text of names('c', 100)) store.of('c').set(entry(text));
    expect(held.young.size + held.old.size).toBe(0);
  });
});
