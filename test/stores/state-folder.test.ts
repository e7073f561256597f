import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeProgram } from '../../src/program/encode.ts';
import { loadProgram } from '../../src/program/load-program.ts';
import { loadSources, publishProgram } from '../../src/program/publish.ts';
import { pokeNode } from '../../src/stores/admin-socket.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { openStoreTarget } from '../../src/stores/store-target.ts';
import { MemoryStore } from '../program/memory-store.ts';
import { acceptedOf, mappings, programOf } from '../program/program-fixture.ts';

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-state-'));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const shard = `shard-${'0'.repeat(64)}`;

const notAsked = () => Promise.reject(new Error('not asked'));

describe('state folder', () => {
  it('is created when missing and holds flat files', async () => {
    const folder = path.join(root, 'a', 'b');
    const store = await openStateFolder(folder);
    expect(fs.readdirSync(folder).toSorted()).toEqual(['kv', 'objects']);
    await store.putMany([
      { key: shard, value: '{"ü":1}' },
      { key: 'current', value: 'x' },
    ]);
    expect(fs.readdirSync(path.join(folder, 'kv')).toSorted()).toEqual(['current', shard]);
    expect(fs.readFileSync(path.join(folder, 'kv', shard), 'utf8')).toBe('{"ü":1}');
    expect(await store.get(shard)).toBe('{"ü":1}');
    expect(await store.get('history-0000000001-abc')).toBeNull();
    await store.deleteMany([shard, `index-${'1'.repeat(64)}`]);
    expect(await store.get(shard)).toBeNull();
  });

  it('lists its own keys with the time they were written', async () => {
    const store = await openStateFolder(root);
    await store.put(shard, 'x');
    fs.writeFileSync(path.join(root, 'kv', 'shard-notes.txt'), 'a stray file');
    const old = new Date('2026-01-02T03:04:05.000Z');
    fs.utimesSync(path.join(root, 'kv', shard), old, old);
    expect(await store.list('shard-')).toEqual([{ key: shard, writtenAt: old.toISOString() }]);
    await store.put(shard, 'x');
    expect(Date.parse((await store.list('shard-'))[0]?.writtenAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
  });

  it.each(['../current', 'a/b', '', '.', 'current/../x', 'shard-XYZ', '.writing-1', 'history-1-a'])(
    'does not touch files for the key %j',
    async (key) => {
      const store = await openStateFolder(root);
      await expect(store.put(key, 'x')).rejects.toThrow('is not a key');
      await expect(store.get(key)).rejects.toThrow('is not a key');
      await expect(store.deleteMany([key])).rejects.toThrow('is not a key');
    },
  );

  it('never shows a half-written value', async () => {
    const store = await openStateFolder(root);
    const values = ['a', 'b'].map((letter) => letter.repeat(2_000_000));
    await store.put('current', values[0] ?? '');
    const writing = new AbortController();
    const seen = new Set<string>();
    const reader = (async () => {
      while (!writing.signal.aborted) {
        const text = fs.readFileSync(path.join(root, 'kv', 'current'), 'utf8');
        seen.add(`${text.length} ${text[0]} ${text.at(-1)}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let round = 0; round < 20; round += 1) await store.put('current', values[round % 2] ?? '');
    writing.abort();
    await reader;
    for (const sight of seen) expect(['2000000 a a', '2000000 b b']).toContain(sight);
  });

  it('leaves no trace of a writer that died, but those of one that may be alive', async () => {
    await openStateFolder(root);
    const [dead, alive] = ['dead', 'alive'].map((name) => path.join(root, 'kv', `.writing-${name}`));
    fs.writeFileSync(dead ?? '', '');
    fs.writeFileSync(alive ?? '', '');
    fs.utimesSync(dead ?? '', 0, 0);
    const store = await openStateFolder(root);
    expect(fs.readdirSync(path.join(root, 'kv'))).toEqual(['.writing-alive']);
    expect(await store.list('')).toEqual([]);
  });

  it('says plainly when the place cannot be used', async () => {
    fs.writeFileSync(path.join(root, 'file'), '');
    await expect(openStateFolder(path.join(root, 'file'))).rejects.toThrow(/^cannot use .*file as a state folder/);
  });

  it('carries a program', async () => {
    const target = await openStoreTarget({ kind: 'folder', path: root }, { environment: {}, openLocal: notAsked });
    const { store } = target;
    const facts = mappings(1000);
    const options = { now: new Date().toISOString(), sources: acceptedOf(facts) };
    const encoded = await encodeProgram(programOf(facts));
    await publishProgram(store, encoded, options);
    expect((await loadProgram(store))?.program).toEqual(programOf(facts));
    expect(await loadSources(store)).toEqual(acceptedOf(facts));
    expect(await publishProgram(store, encoded, options)).toMatchObject({ skipped: 'unchanged', written: [] });
    expect(await target.announce()).toEqual({ outcome: 'absent' });
    await target.close();
  });
});

async function listen(answer: (request: http.IncomingMessage, response: http.ServerResponse) => void) {
  const server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(path.join(root, 'admin.sock'), resolve));
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('pokeNode', () => {
  it('asks a listening node to reload', async () => {
    const seen: string[] = [];
    const server = await listen((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.end('{"version":"x"}');
    });
    expect(await pokeNode(root)).toEqual({ outcome: 'reloaded' });
    expect(seen).toEqual(['POST /reload']);
    await server.close();
  });

  it('does not mind a node that is not there, or no longer', async () => {
    expect(await pokeNode(root)).toEqual({ outcome: 'absent' });
    expect(await pokeNode(path.join(root, 'no', 'such', 'folder'))).toEqual({ outcome: 'absent' });
  });

  it('reports a node that fails or hangs, and does not wait for it', async () => {
    const failing = await listen((_, response) => response.writeHead(500).end());
    expect(await pokeNode(root)).toEqual({ outcome: 'failed', reason: 'it answered 500' });
    await failing.close();
    const refusing = await listen((_, response) => response.writeHead(503).end('{"error":"has no signature"}'));
    expect(await pokeNode(root)).toEqual({ outcome: 'failed', reason: 'has no signature' });
    await refusing.close();
    const hanging = await listen(() => undefined);
    expect(await pokeNode(root, 50)).toEqual({ outcome: 'failed', reason: 'no answer within 50 ms' });
    await hanging.close();
  });
});

describe('openStoreTarget', () => {
  it('leaves the local store to the development server', async () => {
    const store = new MemoryStore();
    let closed = 0;
    const target = await openStoreTarget(
      { kind: 'local' },
      { environment: {}, openLocal: async () => ({ store, close: async () => void (closed += 1) }) },
    );
    expect(target.store).toBe(store);
    expect(await target.announce()).toBeNull();
    await target.close();
    expect(closed).toBe(1);
  });

  it('asks the environment for the Cloudflare account', async () => {
    await expect(openStoreTarget({ kind: 'cloudflare' }, { environment: {}, openLocal: notAsked })).rejects.toThrow(
      'CLOUDFLARE_API_TOKEN',
    );
  });
});
