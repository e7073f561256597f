/**
 * RouteProgram → stored values. Pure but for hashing: the same program in any order gives the same
 * bytes, and a change of one route gives one new shard and one new index.
 *
 * Routes are packed into shards like this: a table larger than PART_TARGET is split into a power of
 * two of parts by the hash of the route group (a group stays together); parts go round robin over a
 * power of two of shards, starting at the hash of the table id. Neither depends on the other routes
 * but through the two powers of two, which change only when sizes double.
 */
import { compareCodePoints } from '../model/rank.ts';
import { bucketCount, bucketHash, bucketOf, VALUE_TARGET } from './buckets.ts';
import { canonicalJson } from './canonical-json.ts';
import { partOfDomain } from './domain-lookup.ts';
import { hashOf, textOf, type EncodeCache } from './encode-cache.ts';
import { indexKey, shardKey } from './keys.ts';
import type { StoredValue } from './program-store.ts';
import type { CompiledDomain, CompiledRoute, RouteProgram } from './route-program.ts';
import { STORED_FORMAT, type StoredIndex, type TableShards } from './stored-form.ts';

export type EncodedProgram = {
  /** SHA-256 of the root index: equal for equal programs. */
  readonly index: string;
  /** What people see of it: the first 12 digits. */
  readonly version: string;
  readonly routes: number;
  /** Values in the order in which they must become readable: shards, index parts, root index. */
  readonly stages: readonly (readonly StoredValue[])[];
};

export type EncodeOptions = {
  /** Keep one per sequence of encodings; without it everything is serialised and hashed. */
  readonly cache?: EncodeCache;
  /** Characters above which the index gets a second level. Default 512 Ki; for tests. */
  readonly indexLimit?: number;
};

/** Smaller than a shard, so that parts of several tables fill shards evenly. */
const PART_TARGET = VALUE_TARGET / 4;
const INDEX_LIMIT = 524_288;
const INDEX_PART_TARGET = VALUE_TARGET / 2;

export async function encodeProgram(program: RouteProgram, options: EncodeOptions = {}): Promise<EncodedProgram> {
  const { cache } = options;
  cache?.begin();
  const packed = packTables(program.tables, cache);
  const shards = await Promise.all(
    packed.buckets.map(async (text, position) =>
      text === null ? null : { hash: await hashOf(`shard ${position}`, text, cache), text },
    ),
  );
  const index = await encodeIndex(
    program,
    { tables: packed.tables, shards: shards.map((shard) => shard?.hash ?? null) },
    { cache, limit: options.indexLimit ?? INDEX_LIMIT },
  );
  const shardValues = shards.flatMap((shard) =>
    shard === null ? [] : [{ key: shardKey(shard.hash), value: shard.text }],
  );
  return {
    index: index.hash,
    version: index.hash.slice(0, 12),
    routes: Object.values(program.tables).reduce((sum, routes) => sum + routes.length, 0),
    // Two shards of equal text are one value.
    stages: [uniqueByKey(shardValues), uniqueByKey(index.below), [index.root]],
  };
}

/** Every value of the program in writing order. */
export function encodedValues(encoded: EncodedProgram): readonly StoredValue[] {
  return encoded.stages.flat();
}

type Packed = { readonly buckets: readonly (string | null)[]; readonly tables: TableShards };

function packTables(tables: RouteProgram['tables'], cache: EncodeCache | undefined): Packed {
  const units = Object.keys(tables)
    .toSorted()
    .map((id) => splitTable(id, tables[id] ?? [], cache));
  const total = units.reduce((sum, { size }) => sum + size, 0);
  const count = bucketCount(total, VALUE_TARGET);
  const contents: Map<string, string[]>[] = Array.from({ length: count }, () => new Map());
  const positions: [string, readonly number[]][] = units.map(({ id, parts }) => {
    const start = bucketHash(id);
    const used = new Set<number>();
    for (const [part, texts] of parts.entries()) {
      if (texts.length === 0) continue;
      const bucket = (start + part) % count;
      used.add(bucket);
      const content = contents[bucket];
      const before = content?.get(id);
      if (before === undefined) content?.set(id, [...texts]);
      else before.push(...texts);
    }
    return [id, [...used].toSorted((a, b) => a - b)];
  });
  return { buckets: contents.map(shardText), tables: Object.fromEntries(positions) };
}

type SplitTable = { readonly id: string; readonly size: number; readonly parts: readonly (readonly string[])[] };

function splitTable(id: string, routes: readonly CompiledRoute[], cache: EncodeCache | undefined): SplitTable {
  const sorted = routes.toSorted((a, b) => compareCodePoints(a.id, b.id));
  const texts = sorted.map((route) => textOf(route, cache));
  const size = texts.reduce((sum, text) => sum + text.length, 0);
  const count = bucketCount(size, PART_TARGET);
  const parts: string[][] = Array.from({ length: count }, () => []);
  for (const [position, route] of sorted.entries()) {
    parts[bucketOf(route.group ?? route.id, count)]?.push(texts[position] ?? '');
  }
  return { id, size, parts };
}

/** Canonical JSON of a StoredShard, put together from the texts of its routes. */
function shardText(content: ReadonlyMap<string, readonly string[]>): string | null {
  if (content.size === 0) return null;
  const tables = [...content].map(([id, texts]) => `${JSON.stringify(id)}:[${texts.join(',')}]`);
  return `{"format":${STORED_FORMAT},"tables":{${tables.join(',')}}}`;
}

type Layout = { readonly tables: TableShards; readonly shards: readonly (string | null)[] };
type IndexOptions = { readonly cache: EncodeCache | undefined; readonly limit: number };
type EncodedIndex = { readonly hash: string; readonly root: StoredValue; readonly below: readonly StoredValue[] };

/** One level while it is small; then the upstreams, which no request needs, move out; then exact hostnames. */
async function encodeIndex(
  program: RouteProgram,
  layout: Layout,
  { cache, limit }: IndexOptions,
): Promise<EncodedIndex> {
  const domains = program.domains.map(withSortedTables).toSorted((a, b) => compareCodePoints(a.id, b.id));
  const upstreams = program.upstreams.toSorted((a, b) => compareCodePoints(a.id, b.id));
  assertTablesExist(domains, layout.tables);
  const { settings } = program;
  let root: StoredIndex = { format: STORED_FORMAT, kind: 'index', settings, domains, upstreams, ...layout };
  let text = canonicalJson(root);
  const below: StoredValue[] = [];
  if (text.length > limit && upstreams.length > 0) {
    const value = canonicalJson({ format: STORED_FORMAT, kind: 'upstreams', upstreams });
    const hash = await hashOf('upstreams', value, cache);
    below.push({ key: indexKey(hash), value });
    root = { ...root, upstreams: hash };
    text = canonicalJson(root);
  }
  if (text.length > limit) {
    const parts = await splitIndex(root, cache);
    below.push(...parts.values);
    root = { ...root, ...parts.root };
    text = canonicalJson(root);
  }
  const hash = await hashOf('index', text, cache);
  return { hash, root: { key: indexKey(hash), value: text }, below };
}

type SplitIndex = {
  readonly root: Pick<StoredIndex, 'domains' | 'tables' | 'parts'>;
  readonly values: readonly StoredValue[];
};

async function splitIndex(root: StoredIndex, cache: EncodeCache | undefined): Promise<SplitIndex> {
  const { hostPort } = root.settings;
  const exact = root.domains.filter(({ hostname }) => partOfDomain(hostname, hostPort, 1) !== null);
  const size = exact.reduce((sum, domain) => sum + canonicalJson(domain).length, 0);
  const count = bucketCount(size, INDEX_PART_TARGET);
  const groups: CompiledDomain[][] = Array.from({ length: count }, () => []);
  for (const domain of exact) groups[partOfDomain(domain.hostname, hostPort, count) ?? 0]?.push(domain);
  const parts = await Promise.all(
    groups.map(async (domains, position) => {
      const tables = pickTables(root.tables, namedTables(domains));
      const value = canonicalJson({ format: STORED_FORMAT, kind: 'part', domains, tables });
      return { hash: await hashOf(`part ${position}`, value, cache), value };
    }),
  );
  const kept = root.domains.filter(({ hostname }) => partOfDomain(hostname, hostPort, 1) === null);
  const inRoot = namedTables(kept);
  const inParts = namedTables(exact);
  const rootTables = new Set(Object.keys(root.tables).filter((id) => inRoot.has(id) || !inParts.has(id)));
  return {
    root: { domains: kept, tables: pickTables(root.tables, rootTables), parts: parts.map(({ hash }) => hash) },
    values: parts.map(({ hash, value }) => ({ key: indexKey(hash), value })),
  };
}

function namedTables(domains: readonly CompiledDomain[]): ReadonlySet<string> {
  return new Set(domains.flatMap(({ tables }) => tables.map(({ id }) => id)));
}

function pickTables(tables: TableShards, ids: ReadonlySet<string>): TableShards {
  return Object.fromEntries(Object.entries(tables).filter(([id]) => ids.has(id)));
}

function withSortedTables(domain: CompiledDomain): CompiledDomain {
  return { ...domain, tables: domain.tables.toSorted((a, b) => compareCodePoints(a.id, b.id)) };
}

/** A compiler bug, found before it reaches a store. */
function assertTablesExist(domains: readonly CompiledDomain[], tables: TableShards): void {
  for (const domain of domains) {
    const missing = domain.tables.find(({ id }) => !Object.hasOwn(tables, id));
    if (missing !== undefined)
      throw new TypeError(`domain ${domain.id} names table ${missing.id}, which the program does not have`);
  }
}

function uniqueByKey(values: readonly StoredValue[]): readonly StoredValue[] {
  return [...new Map(values.map((value) => [value.key, value])).values()];
}
