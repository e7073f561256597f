import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { importPepper, secretKeyName } from '../../src/keys/key-names.ts';
import { KEPT_EMPTY_MS, REREAD_MS, SecretKeyWriter, type WantedSets } from '../../src/keys/secret-key-writer.ts';
import { decodeSecretKeyRecord, type SecretObject } from '../../src/keys/secret-set.ts';
import { secretPlaceOf, secretSetName } from '../../src/model/secret-states.ts';
import { MemoryStore } from '../program/memory-store.ts';

const PEPPER = 'p'.repeat(43);
const START = Date.parse('2026-11-01T00:00:00.000Z');
const always = (): boolean => true;
const never = (): boolean => false;

let store: MemoryStore;
let nowMs: number;
beforeEach(() => {
  store = new MemoryStore();
  nowMs = START;
});

const writer = async (): Promise<SecretKeyWriter> =>
  new SecretKeyWriter({ store, pepper: await importPepper(PEPPER), nowMs: () => nowMs });

function secret(set: string, entries: Readonly<Record<string, string>>): SecretObject {
  const place = secretPlaceOf(set) ?? expect.fail(set);
  const data = Object.entries(entries).map(([name, key]) => [name, Buffer.from(key).toString('base64')]);
  return { ...place, data: Object.fromEntries(data) };
}

const wants = (...secrets: readonly SecretObject[]): WantedSets =>
  new Map(secrets.map((one) => [secretSetName({ ...one, cluster: one.cluster ?? null }), one]));

async function placesOf(key: string): Promise<readonly string[] | null> {
  const value = store.values.get(await secretKeyName(key, await importPepper(PEPPER)));
  const record = value === undefined ? null : decodeSecretKeyRecord(value.value);
  return record?.places.map(({ set, entry }) => `${set}/${entry}`) ?? null;
}

describe('the writer of Secrets’ keys', () => {
  it('adds first and takes back afterwards; what is equal is not written', async () => {
    const keys = await writer();
    expect(await keys.add(wants(secret('shop/keys', { a: 'one', b: 'two' })))).toBe(2);
    const rotated = wants(secret('shop/keys', { a: 'three', b: 'two' }));
    expect(await keys.add(rotated)).toBe(1);
    expect([await placesOf('one'), await placesOf('three')]).toEqual([['shop/keys/a'], ['shop/keys/a']]);
    expect(await keys.takeBack(rotated, always)).toBe(1);
    expect([await placesOf('one'), await placesOf('two')]).toEqual([[], ['shop/keys/b']]);
    const written = store.written.length;
    expect([await keys.add(rotated), await keys.takeBack(rotated, always)]).toEqual([0, 0]);
    expect(store.written).toHaveLength(written);
    expect(store.deleted).toEqual([]);
  });

  it('keeps keys of a Secret that cannot be asked for, and takes back those of one that is gone', async () => {
    const keys = await writer();
    await keys.add(wants(secret('shop/a', { x: 'one' }), secret('shop/b', { x: 'two' })));
    await keys.takeBack(
      new Map([
        ['shop/a', 'unknown'],
        ['shop/b', 'gone'],
      ]),
      always,
    );
    expect([await placesOf('one'), await placesOf('two')]).toEqual([['shop/a/x'], []]);
  });

  it('touches only the places of its own Secrets in a record that others share', async () => {
    const [west, east] = [await writer(), await writer()];
    await west.add(wants(secret('west/shop/keys', { x: 'same' })));
    await east.add(wants(secret('east/shop/keys', { y: 'same' })));
    expect(await placesOf('same')).toEqual(['east/shop/keys/y', 'west/shop/keys/x']);
    nowMs += REREAD_MS;
    await west.takeBack(new Map(), (set) => set.startsWith('west/'));
    expect(await placesOf('same')).toEqual(['east/shop/keys/y']);
  });

  it('leaves sets that it does not know while nothing says that they retire', async () => {
    const keys = await writer();
    await keys.add(wants(secret('shop/old', { x: 'one' })));
    expect(await keys.takeBack(new Map(), never)).toBe(0);
    expect(await keys.takeBack(new Map(), always)).toBe(1);
  });

  it('reads the namespace once in five minutes, and again after a write that failed', async () => {
    const keys = await writer();
    await keys.add(wants(secret('shop/keys', { x: 'one' })));
    const read = store.read.length;
    store.failAtWrite = 2;
    await expect(keys.add(wants(secret('shop/keys', { x: 'two' })))).rejects.toThrow('the store is gone');
    expect(store.read).toHaveLength(read);
    store.failAtWrite = Number.POSITIVE_INFINITY;
    // Somebody else lost a record meanwhile.
    store.values.clear();
    await keys.add(wants(secret('shop/keys', { x: 'one' })));
    expect(await placesOf('one')).toEqual(['shop/keys/x']);
    store.values.clear();
    await keys.add(wants(secret('shop/keys', { x: 'one' })));
    expect(await placesOf('one')).toBe(null);
    nowMs += REREAD_MS;
    await keys.add(wants(secret('shop/keys', { x: 'one' })));
    expect(await placesOf('one')).toEqual(['shop/keys/x']);
  });

  it('deletes a record without places after thirty days, and no other', async () => {
    const keys = await writer();
    await keys.add(wants(secret('shop/keys', { x: 'one', y: 'two' })));
    await keys.takeBack(wants(secret('shop/keys', { y: 'two' })), always);
    store.values.set(`aeskey-${'0'.repeat(64)}`, { value: '{"v":2}', writtenAt: store.now });
    nowMs += KEPT_EMPTY_MS - 1;
    await keys.takeBack(wants(secret('shop/keys', { y: 'two' })), always);
    expect(store.deleted).toEqual([]);
    nowMs += REREAD_MS;
    await keys.takeBack(wants(secret('shop/keys', { y: 'two' })), always);
    expect(store.deleted).toEqual([await secretKeyName('one', await importPepper(PEPPER))]);
    expect(await placesOf('two')).toEqual(['shop/keys/y']);
  });

  it('makes KEYS equal to the Secrets, whatever came before', async () => {
    const entry = fc.constantFrom('a', 'b', 'c');
    const content = fc.dictionary(entry, fc.constantFrom('k1', 'k2', 'k3', 'k4'), { maxKeys: 3 });
    const state = fc.record({ 'shop/one': content, 'shop/two': content, 'west/shop/one': content });
    await fc.assert(
      fc.asyncProperty(fc.array(state, { minLength: 1, maxLength: 5 }), async (states) => {
        store = new MemoryStore();
        const keys = await writer();
        let last: Readonly<Record<string, Readonly<Record<string, string>>>> = {};
        for (const each of states) {
          last = each;
          const wanted = wants(...Object.entries(each).map(([set, entries]) => secret(set, entries)));
          await keys.add(wanted);
          await keys.takeBack(wanted, always);
        }
        for (const key of ['k1', 'k2', 'k3', 'k4']) {
          const expected = Object.entries(last).flatMap(([set, entries]) =>
            Object.entries(entries).flatMap(([name, value]) => (value === key ? [`${set}/${name}`] : [])),
          );
          expect((await placesOf(key)) ?? []).toEqual(expected.toSorted());
        }
      }),
      { numRuns: 60 },
    );
  });
});
