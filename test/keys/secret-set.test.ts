import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { importPepper } from '../../src/keys/key-names.ts';
import { recordsOfSecret, recordsOfSecrets } from '../../src/keys/secret-set.ts';

const PEPPER = 'p'.repeat(43);
const data = (entries: Record<string, string>) =>
  Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, Buffer.from(value).toString('base64')]));

describe('keys of Secrets', () => {
  it('are named by HMAC-SHA-256 under the pepper and never written', async () => {
    const secret = { namespace: 'shop', name: 'keys', data: data({ alice: 'alice-key', bob: 'bob-key' }) };
    const { records, problems } = await recordsOfSecret(secret, await importPepper(PEPPER));
    expect(problems).toEqual([]);
    const name = `aeskey-${createHmac('sha256', PEPPER).update('alice-key').digest('hex')}`;
    expect(records.get(name)).toEqual({ v: 1, places: [{ set: 'shop/keys', entry: 'alice' }] });
    expect(JSON.stringify([...records])).not.toMatch(/alice-key|bob-key/);
    const other = await recordsOfSecret(secret, await importPepper('q'.repeat(43)));
    expect([...other.records.keys()].some((key) => records.has(key))).toBe(false);
  });

  it('of several Secrets are one record when they are one key', async () => {
    const one = { namespace: 'b', name: 'x', data: data({ k: 'same' }) };
    const two = { namespace: 'a', name: 'y', data: data({ z: 'same', a: 'same' }) };
    const { records } = await recordsOfSecrets([one, two], await importPepper(PEPPER));
    expect([...records.values()]).toEqual([
      {
        v: 1,
        places: [
          { set: 'a/y', entry: 'a' },
          { set: 'a/y', entry: 'z' },
          { set: 'b/x', entry: 'k' },
        ],
      },
    ]);
  });

  it.each([
    ['', 'empty'],
    ['key\n', 'line break'],
    ['ke\u0000y', 'no request header'],
    [' key', 'no request header'],
    ['schlüssel', 'no request header'],
    ['x'.repeat(1_025), 'longer'],
  ])('that no header can carry are told: %.10j', async (value, why) => {
    const secret = { namespace: 'shop', name: 'keys', data: data({ bad: value, good: 'good' }) };
    const { records, problems } = await recordsOfSecret(secret, await importPepper(PEPPER));
    expect(records.size).toBe(1);
    expect(problems).toMatchObject([{ set: 'shop/keys', entry: 'bad' }]);
    expect(problems[0]?.reason).toContain(why);
  });

  it('that are no base64 are told', async () => {
    const { problems } = await recordsOfSecret(
      { namespace: 'a', name: 'b', data: { c: '!' } },
      await importPepper(PEPPER),
    );
    expect(problems).toEqual([{ set: 'a/b', entry: 'c', reason: 'it is not base64' }]);
  });

  it('need a pepper that cannot be guessed', () => {
    expect(() => importPepper('short')).toThrow(TypeError);
  });
});
