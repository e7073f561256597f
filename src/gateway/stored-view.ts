/**
 * A program version in a key-value store: the index in memory, index parts and shards loaded when the
 * first request needs them. Everything is verified against the hash that names it, so a view can only
 * ever show the one version its pointer named.
 */
import { GatewayError } from '../diagnostics/errors.ts';
import { decodeIndex, decodeIndexPart } from '../program/decode.ts';
import {
  comparedName,
  createDomainLookup,
  createIndexLookup,
  type DomainLookup,
  type IndexLookup,
} from '../program/domain-lookup.ts';
import { indexKey } from '../program/keys.ts';
import { loadUpstreams } from '../program/load-program.ts';
import type { SnapshotReader } from '../program/program-store.ts';
import { ProgramRejected } from '../program/rejected.ts';
import type { CompiledDomain, CompiledUpstream, ProgramSettings } from '../program/route-program.ts';
import type { Pointer, StoredIndex, StoredIndexPart, TableShards } from '../program/stored-form.ts';
import { createMatcher } from './matcher.ts';
import { SiteCache, type ProgramView, type Site } from './program-view.ts';
import { joinParts } from './parted-table.ts';
import type { SearchableTable } from './route-table.ts';
import type { LoadedShard, ShardCache } from './shard-cache.ts';
import { SingleFlight } from '../policies/single-flight.ts';
import { selectTables } from './table-selector.ts';

/** With more shards than this (about 4,000 routes) routes stay packed as text until asked for. */
const PACKED_FROM_SHARDS = 16;
/** Shard text that is loaded ahead of need, in characters: what a 128 MB isolate can hold beside its work. */
const PREFETCH_LIMIT = 40_000_000;
/** Between two shards loaded ahead of need: each takes the isolate for some milliseconds that requests may want. */
const PREFETCH_PAUSE_MS = 20;

type Selected = {
  readonly domain: CompiledDomain;
  /** Table id and the hash of a shard that holds routes of it. */
  readonly parts: readonly { readonly table: string; readonly shard: string }[];
};
type LoadedPart = { readonly part: StoredIndexPart; readonly domains: DomainLookup<CompiledDomain> };

/** Throws ProgramRejected, or what the store threw. */
export async function createStoredView(
  reader: SnapshotReader,
  pointer: Pointer,
  shards: ShardCache,
): Promise<StoredView> {
  const index = await decodeIndex(await reader.get(indexKey(pointer.index)), pointer.index);
  return new StoredView(reader, pointer, index, shards);
}

export class StoredView implements ProgramView {
  readonly version: string;
  readonly settings: ProgramSettings;
  readonly #reader: SnapshotReader;
  readonly #index: StoredIndex;
  readonly #lookup: IndexLookup;
  readonly #rootDomains: DomainLookup<CompiledDomain>;
  readonly #parts = new Map<string, LoadedPart>();
  readonly #partFlights = new SingleFlight<LoadedPart>();
  readonly #shards: ShardCache;
  readonly #packed: boolean;
  readonly #sites = new SiteCache();
  /** By table id. */
  readonly #tables = new Map<string, readonly SearchableTable[]>();

  constructor(reader: SnapshotReader, pointer: Pointer, index: StoredIndex, shards: ShardCache) {
    this.version = pointer.version;
    this.settings = index.settings;
    this.#reader = reader;
    this.#index = index;
    this.#lookup = createIndexLookup(index);
    this.#rootDomains = createDomainLookup(index.domains, index.settings.hostPort);
    this.#shards = shards;
    this.#packed = this.shardHashes().size > PACKED_FROM_SHARDS;
  }

  find(hostname: string, authority: string): Site | null | Promise<Site | null> {
    const host = comparedName({ hostname, authority }, this.settings.hostPort);
    const known = this.#sites.get(host);
    if (known !== undefined) return known;
    const ready = this.#ready(host);
    return ready === undefined ? this.#loadFor(host).catch(incomplete) : ready;
  }

  /**
   * Loads what these hosts need, so that a switch to this version makes no request of them wait or
   * fail. Throws ProgramRejected, or what the store threw.
   */
  async warm(hosts: readonly string[]): Promise<void> {
    for (const host of hosts) await this.#loadFor(host);
  }

  /** Hosts that requests have asked for, bounded. */
  hosts(): readonly string[] {
    return this.#sites.hosts();
  }

  /** Every upstream that a route of it may need. Throws ProgramRejected, or what the store threw. */
  upstreams(): Promise<readonly CompiledUpstream[]> {
    return loadUpstreams(this.#reader, this.#index);
  }

  shardHashes(): ReadonlySet<string> {
    return new Set(this.#index.shards.filter((hash) => hash !== null));
  }

  /**
   * Loads shards nobody asked for yet, one after the other, up to a bound and while this version is
   * the live one. Failures are left to the request that needs the shard.
   */
  async prefetch(isLive: () => boolean): Promise<void> {
    let size = 0;
    for (const hash of this.shardHashes()) {
      if (size >= PREFETCH_LIMIT) return;
      let shard = this.#shards.get(hash);
      if (shard === undefined) {
        await sleep(PREFETCH_PAUSE_MS);
        // What it loads after the switch, nobody would forget until the next one.
        if (!isLive()) return;
        try {
          shard = await this.#shards.load(hash, this.#packed);
        } catch (error) {
          // A value that is wrong says nothing about the others; a store that fails is left alone.
          if (error instanceof ProgramRejected) continue;
          return;
        }
      }
      size += shard.size;
    }
  }

  /** The site when everything it needs is loaded; undefined: something is missing. */
  #ready(host: string): Site | null | undefined {
    const selected = this.#select(host);
    if (selected === null || selected === undefined) return selected;
    const shards = new Map<string, LoadedShard>();
    for (const { shard } of selected.parts) {
      const loaded = this.#shards.get(shard);
      if (loaded === undefined) return undefined;
      shards.set(shard, loaded);
    }
    return this.#remember(host, selected, shards);
  }

  async #loadFor(host: string): Promise<Site | null> {
    const hash = this.#partHash(host);
    if (hash !== null && !this.#parts.has(hash)) await this.#loadPart(hash);
    const selected = this.#select(host);
    if (selected === null || selected === undefined) return null;
    const hashes = [...new Set(selected.parts.map(({ shard }) => shard))];
    const loaded = await all(hashes.map((shard) => this.#shards.load(shard, this.#packed)));
    return this.#remember(host, selected, new Map(zip(hashes, loaded)));
  }

  #remember(host: string, { domain, parts }: Selected, shards: ReadonlyMap<string, LoadedShard>): Site {
    const byTable = Map.groupBy(parts, ({ table }) => table);
    const tables = [...byTable].flatMap(([id, own]) => this.#searchable(id, own, shards));
    return this.#sites.set(host, { domain, matcher: createMatcher(tables) });
  }

  /** Hosts share tables, so what is made of a table's parts is kept. */
  #searchable(
    id: string,
    parts: Selected['parts'],
    shards: ReadonlyMap<string, LoadedShard>,
  ): readonly SearchableTable[] {
    const known = this.#tables.get(id);
    if (known !== undefined) return known;
    const found = parts.map(({ shard }) => {
      const table = shards.get(shard)?.tables.get(id);
      // Serving without it would let broader routes answer in place of those that are missing.
      if (table === undefined) throw new Error(`Shard ${shard} lacks the table ${id} that the index puts there.`);
      return table;
    });
    const joined = joinParts(found);
    this.#tables.set(id, joined);
    return joined;
  }

  /** undefined: the index part that may hold this host is not loaded. */
  #select(host: string): Selected | null | undefined {
    const hash = this.#partHash(host);
    const loaded = hash === null ? undefined : this.#parts.get(hash);
    if (hash !== null && loaded === undefined) return undefined;
    const inPart = loaded?.domains.find(host) ?? null;
    const domain = inPart ?? this.#rootDomains.find(host);
    if (domain === null) return null;
    const tables: TableShards = inPart !== null && loaded !== undefined ? loaded.part.tables : this.#index.tables;
    const parts = selectTables(domain, host, this.settings.hostPort).flatMap(({ id }) =>
      (Object.hasOwn(tables, id) ? (tables[id] ?? []) : []).flatMap((position) => {
        const shard = this.#index.shards[position] ?? null;
        return shard === null ? [] : [{ table: id, shard }];
      }),
    );
    return { domain, parts };
  }

  #partHash(host: string): string | null {
    // `host` is already the compared name, whichever of the two the setting compares.
    return this.#lookup.partFor({ hostname: host, authority: host });
  }

  #loadPart(hash: string): Promise<LoadedPart> {
    return this.#partFlights.join(hash, async () => {
      const part = await decodeIndexPart(await this.#reader.get(indexKey(hash)), hash, this.#index);
      const loaded = { part, domains: createDomainLookup(part.domains, this.settings.hostPort) };
      this.#parts.set(hash, loaded);
      return loaded;
    });
  }
}

/**
 * As Promise.all, but a failure waits for the others too: they belong to this request, and once it is
 * over the runtime may leave them unsettled for ever, with whoever joined them.
 */
async function all<Value>(works: readonly Promise<Value>[]): Promise<readonly Value[]> {
  await Promise.allSettled(works);
  return Promise.all(works);
}

function zip<A, B>(left: readonly A[], right: readonly B[]): [A, B][] {
  return left.flatMap((item, index) => {
    const other = right[index];
    return other === undefined ? [] : [[item, other]];
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function incomplete(cause: unknown): never {
  throw new GatewayError(503, 'program-incomplete', 'A part of the route program could not be loaded.', {
    cause,
    headers: { 'retry-after': '1' },
  });
}
