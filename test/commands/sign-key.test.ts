import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { publicHalf, readSignKey, readVerifyKey } from '../../src/commands/sign-key.ts';

const one = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
const two = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
const text = (value: unknown): string => JSON.stringify(value);

const NO_KEY = ['{', '[]', 'null', '"x"', '{}', text({ ...one, crv: 'X25519' }), text({ ...one, x: '!!' })];

describe('PORTOLAN_SIGN_KEY', () => {
  it('is a private key, or nothing', () => {
    expect(readSignKey(text(one))).toEqual(one);
    expect(readSignKey(undefined)).toBeNull();
    expect(readSignKey('')).toBeNull();
  });

  it.each([...NO_KEY, text(publicHalf(one)), text({ ...one, d: 'abc' }), text({ ...one, x: two.x })])(
    'is not %s',
    (value) => {
      expect(() => readSignKey(value)).toThrow('PORTOLAN_SIGN_KEY must be a private Ed25519 key');
    },
  );

  it('is never repeated in a message', () => {
    expect(() => readSignKey(text({ ...one, x: two.x }))).not.toThrow(one.d);
  });
});

describe('PORTOLAN_VERIFY_KEY', () => {
  it('is one key or several, of which only the public half is kept', () => {
    expect(readVerifyKey(text(one))).toEqual([{ kty: 'OKP', crv: 'Ed25519', x: one.x }]);
    expect(readVerifyKey(text([publicHalf(one), two]))).toEqual([publicHalf(one), publicHalf(two)]);
    expect(readVerifyKey('')).toBeNull();
  });

  it.each([...NO_KEY, text([one, {}])])('is not %s', (value) => {
    expect(() => readVerifyKey(value)).toThrow('PORTOLAN_VERIFY_KEY must be a public Ed25519 key');
  });
});
