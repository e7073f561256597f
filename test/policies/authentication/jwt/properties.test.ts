import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseStrictObject } from '../../../../src/policies/authentication/jwt/strict-json.ts';
import { parseToken } from '../../../../src/policies/authentication/jwt/parse-token.ts';
import { safeHeaderValue } from '../../../../src/policies/header-value.ts';
import {
  base64Url,
  goodClaims,
  makeKey,
  NOW_S,
  outcomeOf,
  sign,
  standOf,
  type SigningKey,
  type Stand,
} from './jwt-stand.ts';

const KINDS = ['ES256', 'EdDSA', 'RS256'];

/** One change at one place of a text. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  kind: fc.constantFrom('replace', 'delete', 'insert', 'swap', 'cut', 'repeat'),
  character: fc.constantFrom(
    ...Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ,"\u00e9'),
  ),
});

function mutate(text: string, { at, kind, character }: { at: number; kind: string; character: string }): string {
  const index = Math.floor(at * text.length);
  const [before, rest] = [text.slice(0, index), text.slice(index)];
  switch (kind) {
    case 'replace':
      return before + character + rest.slice(1);
    case 'delete':
      return before + rest.slice(1);
    case 'insert':
      return before + character + rest;
    case 'swap':
      return before + (rest[1] ?? '') + (rest[0] ?? '') + rest.slice(2);
    case 'cut':
      return before;
    default:
      return before + rest + rest;
  }
}

/** Of the good values four times as often: with one bad claim among many, few tokens would pass. */
function mostly<Good, Bad>(good: fc.Arbitrary<Good>, bad: fc.Arbitrary<Bad>): fc.Arbitrary<Good | Bad> {
  return fc.oneof({ weight: 4, arbitrary: good }, { weight: 1, arbitrary: bad });
}

describe('tokens', () => {
  let keys: readonly SigningKey[];
  let strangers: readonly SigningKey[];
  let stand: Stand;

  beforeAll(async () => {
    keys = await Promise.all(KINDS.map((alg) => makeKey(alg)));
    strangers = await Promise.all(KINDS.map((alg) => makeKey(alg)));
    stand = standOf(
      keys.map(({ jwk }) => jwk),
      { algorithms: KINDS },
    );
  });

  it('that were changed anywhere never pass', async () => {
    const tokens = await Promise.all(keys.map((key) => sign(key)));
    // Warm: a known token must not lend its verdict to one that looks like it.
    for (const token of tokens) expect(await outcomeOf(stand.check(token))).toBe('allow');
    let changed = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...tokens),
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        async (token, changes) => {
          const text = changes.reduce(mutate, token).trim();
          fc.pre(!tokens.includes(text) && text !== '');
          changed += 1;
          // A comma and a second scheme make it two credentials.
          expect(['401 token-invalid', '400 credentials-multiple']).toContain(
            await outcomeOf(stand.check({ headers: { authorization: `Bearer ${encodeLatin(text)}` } })),
          );
        },
      ),
      { numRuns: 3_000 },
    );
    expect(changed).toBeGreaterThan(2_500);
  });

  it('pass exactly when one of the keys signed good claims', async () => {
    const claim = fc.record(
      {
        exp: mostly(
          fc.integer({ min: NOW_S + 1, max: NOW_S + 5 }),
          fc.oneof(fc.integer({ min: NOW_S - 5, max: NOW_S }), fc.constant('soon'), fc.constant(null)),
        ),
        nbf: mostly(fc.integer({ min: NOW_S - 2, max: NOW_S }), fc.integer({ min: NOW_S + 1, max: NOW_S + 2 })),
        aud: mostly(
          fc.constantFrom('orders', ['orders'], ['other', 'orders']),
          fc.constantFrom('other', ['other'], [], ['other', 'other']),
        ),
        iss: mostly(fc.constant('https://idp.example/'), fc.constant('https://idp.example')),
      },
      { requiredKeys: [] },
    );
    const signer = fc.record({ own: fc.boolean(), signs: fc.nat(2), names: fc.nat(2), hasKid: fc.boolean() });
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(claim, signer, async (claims, { own, signs, names, hasKid }) => {
        const key = (own ? keys : strangers)[signs];
        const named = keys[names];
        if (key === undefined || named === undefined) throw new Error('no such key');
        const whole = { ...goodClaims(), ...claims };
        const token = await sign(key, whole, { kid: hasKid ? named.jwk.kid : undefined });
        const { exp, nbf, aud, iss } = whole as { exp: unknown; nbf?: number; aud: string | string[]; iss: string };
        const good =
          own &&
          (!hasKid || signs === names) &&
          typeof exp === 'number' &&
          exp > NOW_S &&
          (nbf ?? 0) <= NOW_S &&
          [aud].flat().includes('orders') &&
          iss === 'https://idp.example/';
        if (good) passed += 1;
        const [cold, warm] = [await outcomeOf(stand.check(token)), await outcomeOf(stand.check(token))];
        expect([cold, warm]).toEqual(good ? ['allow', 'allow'] : ['401 token-invalid', '401 token-invalid']);
      }),
      { numRuns: 1_000 },
    );
    expect(passed).toBeGreaterThan(20);
    expect(passed).toBeLessThan(900);
  });

  it('made of anything are judged without throwing', async () => {
    const part = fc.oneof(
      fc.string(),
      fc.base64String().map((text) => text.replaceAll('=', '')),
      fc.json().map(base64Url),
      fc.constant(''),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
        const text = encodeLatin(parts.join('.'));
        expect(await outcomeOf(stand.check({ headers: { authorization: `Bearer ${text}` } }))).toMatch(/^4/);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Header values are bytes; what is none is left out. */
function encodeLatin(text: string): string {
  return text.replaceAll(/[^\u0020-\u007e\u00a0-\u00ff]/g, '');
}

describe('strict JSON', () => {
  it('takes what JSON.parse takes, unless a member is there twice', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }));
    fc.assert(
      fc.property(object, fc.boolean(), (value, pretty) => {
        const text = JSON.stringify(value, null, pretty ? 2 : 0);
        expect(parseStrictObject(new TextEncoder().encode(text))).toEqual(JSON.parse(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('finds a member that is there twice, at any depth and however it is escaped', () => {
    const name = fc.string({ minLength: 1, maxLength: 5 });
    const wrap = fc.array(
      fc.constantFrom(
        (text: string) => `[${text}]`,
        (text: string) => `{"w":${text}}`,
        (text: string) => `["x",${text},{}]`,
      ),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(name, name, wrap, fc.boolean(), (first, second, wraps, escaped) => {
        const spelled = escaped
          ? Array.from(
              { length: second.length },
              (_, at) => String.raw`\u${second.charCodeAt(at).toString(16).padStart(4, '0')}`,
            ).join('')
          : JSON.stringify(second).slice(1, -1);
        const inner = `{${JSON.stringify(first)}:1, "${spelled}" : 2}`;
        const text = `{"top":${wraps.reduce((text, each) => each(text), inner)}}`;
        expect(parseStrictObject(new TextEncoder().encode(text)) === null).toBe(
          first.toWellFormed() === second.toWellFormed() && first === second,
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    '[]',
    '1',
    '"a"',
    'null',
    '',
    ' ',
    '{',
    '{"a":1}x',
    '{"a":1,}',
    "{'a':1}",
    '{"a":NaN}',
    '{"a":01}',
    '{"a":"\n"}',
    '\ufeff{"a":1}',
  ])('refuses %j', (text) => {
    expect(parseStrictObject(new TextEncoder().encode(text))).toBeNull();
  });

  it('refuses bytes that are no UTF-8', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      const text = Uint8Array.from([...new TextEncoder().encode('{"a":'), ...bytes, 0x7d]);
      expect(parseStrictObject(text)).toBeNull();
    }
  });

  it('of a token is never a prototype', async () => {
    const token = parseToken(await sign(await makeKey('ES256'), '{"__proto__":{"sub":"x"},"constructor":1}'));
    expect(token?.claims['sub']).toBeUndefined();
    expect(Object.keys(token?.claims ?? {})).toEqual(['__proto__', 'constructor']);
  });
});

describe('header values', () => {
  it('are visible ASCII and spaces, or nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const value = safeHeaderValue(text);
        if (value === null) return;
        expect(value).toMatch(/^[ -~]*$/);
        expect(() => new Headers({ a: value })).not.toThrow();
      }),
      { numRuns: 1_000 },
    );
  });

  it('that were escaped can be undone', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '%', '4', ' ', 'é', '😀', '&', '='), maxLength: 12 }),
        (text) => {
          const value = safeHeaderValue(text) ?? '';
          if (/[^ -~]/.test(text.trim())) expect(decodeURIComponent(value)).toBe(text.trim());
          else expect(value).toBe(text.trim());
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
