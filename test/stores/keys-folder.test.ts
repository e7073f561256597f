import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPepper } from '../../src/stores/pepper-file.ts';
import { openKeysFolder } from '../../src/stores/state-folder.ts';

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-keys-'));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const modeOf = (...names: string[]): number => fs.statSync(path.join(root, ...names)).mode & 0o777;
const name = `apikey-${'0'.repeat(64)}`;

describe('keys folder', () => {
  it('is for its owner only, also when it was not', async () => {
    fs.mkdirSync(path.join(root, 'keys'), { mode: 0o755 });
    const store = await openKeysFolder(root);
    await store.put(name, '{}');
    expect([modeOf('keys'), modeOf('keys', name)]).toEqual([0o700, 0o600]);
    expect(await store.get(name)).toBe('{}');
    expect((await store.list('apikey-')).map(({ key }) => key)).toEqual([name]);
    await store.deleteMany([name]);
    expect(await store.get(name)).toBeNull();
  });

  it.each(['current', '../x', `shard-${'0'.repeat(64)}`, '', 'keyid-x'])('does not touch files for %j', async (key) => {
    const store = await openKeysFolder(root);
    await expect(store.put(key, 'x')).rejects.toThrow('is not a key');
    await expect(store.get(key)).rejects.toThrow('is not a key');
  });

  it('that cannot be used is told in one line', async () => {
    fs.writeFileSync(path.join(root, 'keys'), '');
    await expect(openKeysFolder(root)).rejects.toThrow('as a state folder');
  });
});

describe('pepper', () => {
  it('is made once, for its owner only, whoever comes first', async () => {
    const peppers = await Promise.all(Array.from({ length: 8 }, () => readPepper(root)));
    expect(new Set(peppers).size).toBe(1);
    expect(peppers[0]).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(fs.readdirSync(root)).toEqual(['key-pepper']);
    expect(modeOf('key-pepper')).toBe(0o600);
    expect(await readPepper(root)).toBe(peppers[0]);
  });

  it('that was damaged is not replaced, because every key would be lost', async () => {
    fs.writeFileSync(path.join(root, 'key-pepper'), '');
    await expect(readPepper(root)).rejects.toThrow('does not hold a pepper');
    expect(fs.readFileSync(path.join(root, 'key-pepper'), 'utf8')).toBe('');
  });
});
