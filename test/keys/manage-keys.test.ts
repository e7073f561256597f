import { beforeEach, describe, expect, it } from 'vitest';
import { apiKeyEnvironment } from '../../src/keys/api-key.ts';
import { apiKeyName, keyIdName } from '../../src/keys/key-names.ts';
import {
  createKey,
  findKey,
  keyState,
  listKeys,
  pruneKeys,
  revokeKey,
  rotateKey,
  type StoredKey,
} from '../../src/keys/manage-keys.ts';
import { findUser, listUsers, putUser, revokeUser } from '../../src/keys/manage-users.ts';
import { MemoryStore } from '../program/memory-store.ts';

const NOW = Date.parse('2026-01-01T00:00:00.000Z');
const DAY = 86_400_000;
const iso = (ms: number): string => new Date(ms).toISOString();
const fields = { consumer: 'alice', plan: 'gold', env: 'live' as const, lifetimeMs: 90 * DAY, metadata: { a: 'b' } };

let store: MemoryStore;
beforeEach(() => (store = new MemoryStore()));

async function stored(id: string): Promise<StoredKey> {
  const found = await findKey(store, id);
  if (found === null) throw new Error(`no key ${id}`);
  return found;
}

describe('keys', () => {
  it('are stored without the key', async () => {
    const { key, record } = await createKey(store, fields, NOW);
    expect(apiKeyEnvironment(key)).toBe('live');
    expect(record).toMatchObject({ consumer: 'alice', createdAt: iso(NOW), expiresAt: iso(NOW + 90 * DAY) });
    expect(await stored(record.id)).toEqual({ name: await apiKeyName(key), record });
    for (const { key: name } of await store.list('')) {
      expect(name).not.toContain(key);
      expect(await store.get(name)).not.toContain(key.slice(8, 35));
    }
  });

  it('are found without their pointer, and not by that of another', async () => {
    const [one, two] = [await createKey(store, fields, NOW), await createKey(store, fields, NOW)];
    const pointer = (await store.get(keyIdName(two.record.id))) ?? '';
    await store.deleteMany([keyIdName(one.record.id)]);
    expect((await stored(one.record.id)).record).toEqual(one.record);
    await store.put(keyIdName(one.record.id), pointer);
    expect((await stored(one.record.id)).record).toEqual(one.record);
    expect(await findKey(store, 'k0000000000000000')).toBeNull();
  });

  it('are revoked by overwriting, once', async () => {
    const { key, record } = await createKey(store, fields, NOW);
    await revokeKey(store, await stored(record.id), NOW + 5);
    await revokeKey(store, await stored(record.id), NOW + 9);
    expect((await stored(record.id)).record).toEqual({ ...record, revokedAt: iso(NOW + 5) });
    expect(await store.get(await apiKeyName(key))).not.toBeNull();
  });

  it('overlap when they are rotated, and never live longer than they would have', async () => {
    const first = await createKey(store, fields, NOW);
    const { created, old } = await rotateKey(store, await stored(first.record.id), DAY, NOW + 10 * DAY);
    expect(old.expiresAt).toBe(iso(NOW + 11 * DAY));
    expect((await stored(first.record.id)).record).toEqual(old);
    const { id, ...kept } = created.record;
    expect(id).not.toBe(first.record.id);
    expect(kept).toMatchObject({ consumer: 'alice', plan: 'gold', env: 'live', metadata: { a: 'b' } });
    expect(kept.expiresAt).toBe(iso(NOW + 100 * DAY));
    const late = await rotateKey(store, await stored(created.record.id), 30 * DAY, NOW + 99 * DAY);
    expect(late.old.expiresAt).toBe(iso(NOW + 100 * DAY));
    const none = await rotateKey(store, await stored(late.created.record.id), 0, NOW + 99 * DAY);
    expect(keyState(none.old, NOW + 99 * DAY)).toBe('revoked');
  });

  it('are not rotated when they are not good, and a revocation beside a rotation stays', async () => {
    const { record } = await createKey(store, fields, NOW);
    const before = await stored(record.id);
    await revokeKey(store, before, NOW);
    await expect(rotateKey(store, await stored(record.id), DAY, NOW)).rejects.toThrow(TypeError);
    const { old } = await rotateKey(store, before, DAY, NOW);
    expect(old.revokedAt).toBe(iso(NOW));
    expect((await stored(record.id)).record.revokedAt).toBe(iso(NOW));
  });

  it('are listed oldest first, unreadable ones by name', async () => {
    const two = await createKey(store, fields, NOW + 2);
    const one = await createKey(store, fields, NOW + 1);
    const broken = `apikey-${'0'.repeat(64)}`;
    await store.put(broken, '{}');
    const { keys, unreadable } = await listKeys(store);
    expect(keys.map(({ record }) => record.id)).toEqual([one.record.id, two.record.id]);
    expect(unreadable).toEqual([broken]);
  });

  it('are deleted 30 days after their expiry, revoked or not; without expiry never', async () => {
    const short = await createKey(store, { ...fields, lifetimeMs: DAY }, NOW);
    const revoked = await createKey(store, { ...fields, lifetimeMs: null }, NOW);
    await revokeKey(store, await stored(revoked.record.id), NOW);
    const all = (await listKeys(store)).keys;
    expect((await pruneKeys(store, all, NOW + 31 * DAY - 1)).pruned).toBe(0);
    expect(await pruneKeys(store, all, NOW + 31 * DAY)).toMatchObject({
      pruned: 1,
      kept: [{ record: { id: revoked.record.id } }],
    });
    expect(await findKey(store, short.record.id)).toBeNull();
    expect((await store.list('')).map(({ key }) => key).toSorted()).toEqual(
      [await apiKeyName(revoked.key), keyIdName(revoked.record.id)].toSorted(),
    );
  });
});

it('users are made, found, listed and revoked', async () => {
  const user = { user: 'bob', consumer: 'bob', plan: null, createdAt: iso(NOW), expiresAt: null, metadata: {} };
  await putUser(store, user, 'hunter2');
  await putUser(store, { ...user, user: 'al' }, 'hunter2');
  expect((await listUsers(store)).map(({ user: name }) => name)).toEqual(['al', 'bob']);
  const bob = await findUser(store, 'bob');
  expect(bob).toMatchObject({ user: 'bob', revokedAt: null });
  if (bob === null) throw new Error('no user');
  await revokeUser(store, bob, NOW);
  expect(await findUser(store, 'bob')).toMatchObject({ revokedAt: iso(NOW) });
  expect(await findUser(store, 'eve')).toBeNull();
});
