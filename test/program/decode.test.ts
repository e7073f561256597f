import * as fc from 'fast-check';
import { exportJWK, generateKeyPair } from 'jose';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/program/canonical-json.ts';
import { decodeIndex, decodePointer, decodeShard, supersedes } from '../../src/program/decode.ts';
import { encodedValues, encodeProgram } from '../../src/program/encode.ts';
import { loadProgram, loadVersion } from '../../src/program/load-program.ts';
import { signPointer } from '../../src/program/pointer-signature.ts';
import { ProgramRejected } from '../../src/program/rejected.ts';
import { sha256 } from '../../src/model/sha256.ts';
import type { Pointer } from '../../src/program/stored-form.ts';
import { arbitraryProgram, mappings, programOf } from './program-fixture.ts';

const hash = 'a'.repeat(64);
const pointer: Pointer = {
  format: 1,
  version: 'a'.repeat(12),
  sequence: 7,
  index: hash,
  history: 'b'.repeat(64),
  time: '2026-11-01T10:00:00.000Z',
  sources: { resources: 3 },
};

async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ProgramRejected) return error.reason;
    throw error;
  }
  return 'accepted';
}

/** Changed content under a key that fits it: only the shape check stands between it and the Worker. */
async function rehashed(text: string, change: (value: never) => unknown): Promise<[string, string]> {
  const value: unknown = JSON.parse(text);
  change(value as never);
  const changed = JSON.stringify(value);
  return [changed, await sha256(changed)];
}

describe('stored values', () => {
  it('are refused when truncated or flipped anywhere', async () => {
    const encoded = await encodeProgram(programOf(mappings(3)));
    const [shard] = encoded.stages[0] ?? [];
    const text = shard?.value ?? '';
    const shardHash = await sha256(text);
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.nat(6), async (at, bit) => {
        const flipped = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1);
        expect(await reasonOf(decodeShard(flipped, shardHash))).toBe('hash-mismatch');
        expect(await reasonOf(decodeShard(text.slice(0, at), shardHash))).toBe('hash-mismatch');
      }),
    );
    expect(await reasonOf(decodeShard(null, shardHash))).toBe('missing');
    expect(await reasonOf(decodeShard(text, shardHash))).toBe('accepted');
  });

  it('of an unknown format version are refused as such, whatever else they hold', async () => {
    for (const format of [2, 0, '1', null, undefined, [1]]) {
      const text = JSON.stringify({ format, quite: 'different' });
      expect(await reasonOf(decodeIndex(text, await sha256(text)))).toBe('unknown-format');
      expect(await reasonOf(decodePointer(JSON.stringify({ ...pointer, format })))).toBe('unknown-format');
    }
    const list = '[1]';
    expect(await reasonOf(decodeShard(list, await sha256(list)))).toBe('unknown-format');
  });

  it('of another shape are refused even when the hash fits', async () => {
    const { stages } = await encodeProgram(programOf(mappings(2)));
    const [shard, root] = [stages[0]?.[0], stages[2]?.[0]];
    type Route = { [key: string]: unknown };
    const inRoute = (change: (route: Route) => unknown) => (value: { tables: { 'table-a': Route[] } }) =>
      change(value.tables['table-a'][0] ?? {});
    const badRoutes: [string, (route: Route) => unknown][] = [
      ['matches is missing', (route) => delete route['matches']],
      ['matches is no list', (route) => (route['matches'] = {})],
      ['id is no text', (route) => (route['id'] = 7)],
      ['action.kind is unknown', (route) => (route['action'] = { kind: 'teleport' })],
      ['action.kind is unknown', (route) => (route['action'] = { kind: 'constructor' })],
      ['action is no object', (route) => (route['action'] = null)],
      ['status is no whole number', (route) => (route['action'] = { kind: 'respond', status: 99 })],
      ['requestMs is no whole number', (route) => (route['timeouts'] = { requestMs: -1, idleMs: 0 })],
      ['config', (route) => (route['policies'] = [{ name: 'cors', source: route['source'] }])],
      [
        'is no regular expression',
        (route) => (route['matches'] = [{ rank: [], path: { kind: 'regex', regex: { engine: 'js', source: '(' } } }]),
      ],
      ['rank[1]', (route) => (route['matches'] = [{ rank: [1, {}], path: { kind: 'exact', value: '/' } }])],
    ];
    for (const [problem, change] of badRoutes) {
      const [text, textHash] = await rehashed(shard?.value ?? '', inRoute(change));
      const refused = decodeShard(text, textHash);
      await expect(refused, problem).rejects.toThrow(problem);
      expect(await reasonOf(refused)).toBe('malformed');
    }
    const badIndexes: [string, (index: Route) => unknown][] = [
      ['settings', (index) => delete index['settings']],
      ['which does not exist', (index) => (index['tables'] = {})],
      ['does not exist', (index) => (index['shards'] = [])],
      ['does not exist', (index) => (index['shards'] = [null])],
      ['shards[0]', (index) => (index['shards'] = ['../../etc/passwd'])],
      ['kind', (index) => (index['kind'] = 'part')],
    ];
    for (const [problem, change] of badIndexes) {
      const [text, textHash] = await rehashed(root?.value ?? '', change);
      await expect(decodeIndex(text, textHash), problem).rejects.toThrow(problem);
    }
  });

  it('never break the reader, whatever node of them is replaced', async () => {
    const junk = fc.constantFrom<unknown>(null, 0, -1, 1.5, '', 'x', [], {}, [null], { kind: 'x' }, true);
    await fc.assert(
      fc.asyncProperty(arbitraryProgram, fc.nat(), fc.nat(), junk, async (program, pick, node, replacement) => {
        const encoded = await encodeProgram(program);
        const values = encodedValues(encoded);
        const chosen = values[pick % values.length];
        const [text, textHash] = await rehashed(chosen?.value ?? '', (value: object) =>
          replaceNode(value, node, replacement),
        );
        const outcome =
          chosen?.key.startsWith('shard-') === true ? decodeShard(text, textHash) : decodeIndex(text, textHash);
        expect(['accepted', 'malformed', 'unknown-format']).toContain(await reasonOf(outcome));
      }),
      { numRuns: 300 },
    );
  });

  it('that are missing, or stored under another name, are found when a version is loaded', async () => {
    const encoded = await encodeProgram(programOf(mappings(2000)));
    const values = encodedValues(encoded);
    const { key: first } = values[0] ?? { key: '' };
    const { value: second } = values[1] ?? { value: '' };
    const reader = (replaced: string | null) => ({
      get: async (key: string) =>
        key === first ? replaced : (values.find((value) => value.key === key)?.value ?? null),
    });
    expect(await reasonOf(loadVersion(reader(null), encoded.index))).toBe('missing');
    expect(await reasonOf(loadVersion(reader(second), encoded.index))).toBe('hash-mismatch');
    expect(await loadProgram({ get: async () => null })).toBeNull();
  });
});

/** Replaces the n-th node below the root, counted in depth-first order and round and round. */
function replaceNode(root: object, node: number, replacement: unknown): void {
  const places: { holder: object; key: string }[] = [];
  const walk = (holder: object): void => {
    for (const [key, member] of Object.entries(holder) as [string, unknown][]) {
      places.push({ holder, key });
      if (typeof member === 'object' && member !== null) walk(member);
    }
  };
  walk(root);
  const place = places[node % places.length];
  if (place !== undefined) Reflect.set(place.holder, place.key, replacement);
}

describe('decodePointer', () => {
  it('accepts what canonical JSON makes of a pointer', async () => {
    expect(await decodePointer(canonicalJson(pointer))).toEqual(pointer);
  });

  it('refuses damage', async () => {
    const text = canonicalJson(pointer);
    expect(await reasonOf(decodePointer(null))).toBe('missing');
    expect(await reasonOf(decodePointer(text.slice(0, -3)))).toBe('not-json');
    expect(await reasonOf(decodePointer(''))).toBe('not-json');
    for (const bad of [
      { index: 'A'.repeat(64) },
      { index: 'c'.repeat(64) },
      { sequence: 0 },
      { time: 'yesterday' },
      { history: undefined },
      { signature: 'a.b.c' },
    ]) {
      expect(await reasonOf(decodePointer(JSON.stringify({ ...pointer, ...bad }))), JSON.stringify(bad)).toBe(
        'malformed',
      );
    }
  });

  it('accepts only what the key signed, once a key is set', async () => {
    const { publicKey, privateKey } = await generateKeyPair('Ed25519', { extractable: true });
    const verifyKey = await exportJWK(publicKey);
    const signKey = { ...(await exportJWK(privateKey)), kid: 'k1' };
    const signed = await signPointer(pointer, signKey);
    const text = canonicalJson(signed);
    expect(await decodePointer(text, { verifyKey })).toEqual(signed);
    expect(await decodePointer(text)).toEqual(signed);
    expect(await reasonOf(decodePointer(canonicalJson(pointer), { verifyKey }))).toBe('unsigned');
    for (const change of [
      { sequence: 8 },
      { history: 'c'.repeat(64) },
      { time: '2026-11-01T10:00:01.000Z' },
      { extra: 1 },
    ]) {
      const altered = canonicalJson({ ...signed, ...change });
      expect(await reasonOf(decodePointer(altered, { verifyKey })), JSON.stringify(change)).toBe('bad-signature');
    }
    const other = await exportJWK((await generateKeyPair('Ed25519', { extractable: true })).publicKey);
    expect(await reasonOf(decodePointer(text, { verifyKey: other }))).toBe('bad-signature');
    expect(await reasonOf(decodePointer(text, { verifyKey: [] }))).toBe('bad-signature');
    expect(await reasonOf(decodePointer(text, { verifyKey: [other, verifyKey] }))).toBe('accepted');
  });

  it('refuses a signature by another algorithm or for another purpose', async () => {
    const { publicKey, privateKey } = await generateKeyPair('Ed25519', { extractable: true });
    const verifyKey = await exportJWK(publicKey);
    const { signature = '' } = await signPointer(pointer, await exportJWK(privateKey));
    const [, , tag] = signature.split('.');
    for (const header of [{ alg: 'none' }, { alg: 'Ed25519', typ: 'JWT' }, { alg: 'HS256', typ: 'portolan-pointer' }]) {
      const forged = `${btoa(JSON.stringify(header)).replaceAll('=', '')}..${tag}`;
      expect(await reasonOf(decodePointer(canonicalJson({ ...pointer, signature: forged }), { verifyKey }))).toBe(
        'bad-signature',
      );
    }
  });
});

function later(change: Partial<Pointer>): Pointer {
  return { ...pointer, index: 'd'.repeat(64), ...change };
}

describe('supersedes', () => {
  it('follows the sequence, and never goes back', () => {
    expect(supersedes(later({ sequence: 8, time: '2026-11-01T10:00:01.000Z' }), pointer)).toBe(true);
    expect(supersedes(later({ sequence: 6, time: '2026-11-01T09:00:00.000Z' }), pointer)).toBe(false);
    expect(supersedes(pointer, pointer)).toBe(false);
  });

  it('follows a store that was emptied and filled again', () => {
    expect(supersedes(later({ sequence: 1, time: '2026-11-02T00:00:00.000Z' }), pointer)).toBe(true);
  });
});
