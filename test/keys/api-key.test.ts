import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { API_KEY_LENGTH, apiKeyEnvironment, generateApiKey, type KeyEnvironment } from '../../src/keys/api-key.ts';
import { crc32 } from '../../src/keys/crc32.ts';

const environments = fc.constantFrom<KeyEnvironment>('live', 'test');
/** Generated inside the property: the generator takes no seed, on purpose. */
const keys = environments.map((environment) => ({ environment, key: generateApiKey(environment) }));
const printable = fc.constantFrom(...Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)));

describe('API keys', () => {
  it('have one length and name their environment', () => {
    fc.assert(
      fc.property(keys, ({ environment, key }) => {
        expect(key).toMatch(/^pt_(live|test)_[0-9A-Za-z]{27}_[0-9A-Za-z]{6}$/);
        expect(key).toHaveLength(API_KEY_LENGTH);
        expect(apiKeyEnvironment(key)).toBe(environment);
      }),
    );
  });

  it('are no keys any more after one character, or two neighbours, changed', () => {
    fc.assert(
      fc.property(keys, fc.nat(API_KEY_LENGTH - 1), printable, ({ key }, at, character) => {
        const typo = key.slice(0, at) + character + key.slice(at + 1);
        expect(apiKeyEnvironment(typo) === null).toBe(typo !== key);
        const swapped =
          key.slice(0, at) +
          key
            .slice(at, at + 2)
            .split('')
            .toReversed()
            .join('') +
          key.slice(at + 2);
        expect(apiKeyEnvironment(swapped) === null).toBe(swapped !== key);
      }),
      { numRuns: 2_000 },
    );
  });

  it('are not what anybody makes up', () => {
    const madeUp = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.stringMatching(/^pt_(live|test)_[0-9A-Za-z]{27}_[0-9A-Za-z]{6}$/),
      keys.map(({ key }) => `${key}\n`),
      keys.map(({ key }) => ` ${key}`),
    );
    fc.assert(
      fc.property(madeUp, (text) => {
        expect(apiKeyEnvironment(text)).toBeNull();
      }),
      { numRuns: 2_000 },
    );
    expect(apiKeyEnvironment(generateApiKey('live').replace('live', 'test'))).toBeNull();
  });

  it('use every character alike and never repeat', () => {
    const seen = new Map<string, number>();
    const made = new Set<string>();
    for (let count = 0; count < 2_000; count += 1) {
      const key = generateApiKey('live');
      made.add(key);
      for (const character of key.slice(8, 35)) seen.set(character, (seen.get(character) ?? 0) + 1);
    }
    expect(made.size).toBe(2_000);
    expect(seen.size).toBe(62);
    // 54,000 draws of 62: 871 expected, standard deviation 29. Eight of them never happen by chance.
    for (const count of seen.values()) expect(Math.abs(count - 871)).toBeLessThan(8 * 29);
  });
});

it('crc32 is the usual one', () => {
  expect(crc32('123456789')).toBe(0xcbf43926);
  expect(crc32('')).toBe(0);
});
