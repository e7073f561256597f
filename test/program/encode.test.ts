import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodeCache } from '../../src/program/encode-cache.ts';
import { encodedValues, encodeProgram, type EncodedProgram } from '../../src/program/encode.ts';
import { loadVersion } from '../../src/program/load-program.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { sha256 } from '../../src/model/sha256.ts';
import { arbitraryProgram, domainOf, mappings, programOf, routeOf, shuffled } from './program-fixture.ts';

const TINY_INDEX = 600;

function readerOf(encoded: EncodedProgram) {
  const values = new Map(encodedValues(encoded).map(({ key, value }) => [key, value]));
  return { get: async (key: string) => values.get(key) ?? null };
}

/** JSON knows no -0. */
const asJson = (program: RouteProgram): unknown => JSON.parse(JSON.stringify(program));

describe('encodeProgram', () => {
  it('gives back every program, in one level and in two', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryProgram, fc.constantFrom(TINY_INDEX, 524_288), async (program, indexLimit) => {
        const encoded = await encodeProgram(program, { indexLimit });
        expect(await loadVersion(readerOf(encoded), encoded.index)).toEqual(asJson(program));
        for (const { key, value } of encodedValues(encoded)) expect(key).toContain(await sha256(value));
      }),
      { numRuns: 150 },
    );
  });

  it('gives equal bytes whatever the order', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryProgram, fc.constantFrom(TINY_INDEX, 524_288), async (program, indexLimit) => {
        expect(await encodeProgram(shuffled(program), { indexLimit })).toEqual(
          await encodeProgram(program, { indexLimit }),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('writes canonical JSON', async () => {
    const { stages } = await encodeProgram(programOf(mappings(2)));
    const [shard, index] = [stages[0]?.[0]?.value ?? '', stages[2]?.[0]?.value ?? ''];
    expect(shard.startsWith('{"format":1,"tables":{"table-a":[{"action":{"backends":[{"origin":')).toBe(true);
    expect(index.startsWith('{"domains":[{"hostname":"*","id":"default","insecureAction":"route",')).toBe(true);
  });

  it('changes one shard and the index when one route of 10,000 changes', async () => {
    const facts = mappings(10_000);
    const before = await encodeProgram(programOf(facts));
    const changed = facts.with(4321, {
      name: 'mapping-004321',
      prefix: '/service-4321/api/',
      service: 'service-7.shop:8080',
    });
    const after = await encodeProgram(programOf(changed));
    expect(added(before, after).map((key) => key.split('-')[0])).toEqual(['shard', 'index']);
    expect(before.stages[0]?.length).toBeGreaterThan(16);
    for (const { value } of encodedValues(before)) expect(value.length).toBeLessThan(400_000);
  });

  it('keeps a route group together, and other tables where they were', async () => {
    const facts = mappings(3000);
    const base = programOf(facts);
    const routes = facts.map((fact, index) => Object.assign(routeOf(fact), { group: `group ${index % 1500}` }));
    const program = { ...base, tables: { 'table-a': routes } };
    const encoded = await encodeProgram(program);
    const shardOf = new Map<string, string>();
    for (const { key, value } of encoded.stages[0] ?? []) {
      for (const { group } of JSON.parse(value).tables['table-a']) {
        expect(shardOf.get(group) ?? key).toBe(key);
        shardOf.set(group, key);
      }
    }
    expect(new Set(shardOf.values()).size).toBeGreaterThan(1);
  });

  it('moves upstreams, then exact hostnames, out of an index that is too large', async () => {
    const base = programOf(mappings(2));
    const domains = Array.from({ length: 9000 }, (_, index) =>
      domainOf(`Host/${index}`, `host-${index}.example.com`, ['table-a']),
    );
    const program: RouteProgram = { ...base, domains: [domainOf('default', '*', ['table-a']), ...domains] };
    const encoded = await encodeProgram(program);
    const [, below = [], [root] = []] = encoded.stages;
    expect(root?.value.length).toBeLessThan(524_288);
    expect(below.length).toBeGreaterThan(4);
    expect(JSON.parse(root?.value ?? '').domains).toHaveLength(1);
    expect((await loadVersion(readerOf(encoded), encoded.index)).domains).toHaveLength(9001);

    const other = { ...program, domains: program.domains.with(77, domainOf('Host/76', 'host-76.example.com', [])) };
    expect(added(encoded, await encodeProgram(other))).toHaveLength(2);
  });

  it('gives the same with a cache, and forgets what was not used', async () => {
    const facts = mappings(300);
    const cache = new EncodeCache();
    const first = programOf(facts);
    const plain = await encodeProgram(first);
    expect(await encodeProgram(first, { cache })).toEqual(plain);
    const changed = { ...first, tables: { 'table-a': first.tables['table-a']?.slice(1) ?? [] } };
    expect(await encodeProgram(changed, { cache })).toEqual(await encodeProgram(changed));
    expect(await encodeProgram(first, { cache })).toEqual(plain);
  });

  it('is fast enough for 10,000 routes, and faster for the second build', async () => {
    const program = programOf(mappings(10_000));
    const cache = new EncodeCache();
    const cold = await timed(() => encodeProgram(program, { cache }));
    const routes = program.tables['table-a'] ?? [];
    const changed = {
      ...program,
      tables: { 'table-a': routes.with(5000, { ...(routes[5000] ?? routes[0]!), upgrades: ['x'] }) },
    };
    const warm = await timed(() => encodeProgram(changed, { cache }));
    console.log(`encode 10,000 routes: ${cold.toFixed(0)} ms, again with one changed: ${warm.toFixed(0)} ms`);
    // Several times the target: other suites share the processors.
    expect(cold).toBeLessThan(1500);
    expect(warm).toBeLessThan(cold);
  });

  it('refuses a program whose domain names a table that is not there', async () => {
    const program = { ...programOf(mappings(1)), tables: {} };
    await expect(encodeProgram(program)).rejects.toThrow('names table table-a');
  });
});

function added(before: EncodedProgram, after: EncodedProgram): string[] {
  const known = new Set(encodedValues(before).map(({ key }) => key));
  return encodedValues(after)
    .map(({ key }) => key)
    .filter((key) => !known.has(key));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
