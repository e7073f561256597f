/**
 * How a RouteProgram lies in a key-value store. See docs/kv-layout.md.
 *
 * Every value but the pointer is content-addressed and never changes, so a reader that follows one
 * pointer sees one whole version. Texts are canonical JSON: equal data, equal bytes.
 */
import type { Json } from '../model/route-model.ts';
import type { CompiledDomain, CompiledRoute, CompiledUpstream, ProgramSettings } from './route-program.ts';

/** Version of the stored form. Readers refuse every other. */
export const STORED_FORMAT = 1;
type Format = typeof STORED_FORMAT;

/** `current`: which version is live. */
export type Pointer = {
  readonly format: Format;
  /** First 12 hexadecimal digits of `index`: the version people see. */
  readonly version: string;
  /** Grows by one with every publish to this store. */
  readonly sequence: number;
  /** SHA-256 of the index. */
  readonly index: string;
  /** SHA-256 of the history entry, so that a signature covers the kept resources too. */
  readonly history: string;
  /** ISO time of the publish; later than that of every pointer before it. */
  readonly time: string;
  readonly sources: { readonly resources: number };
  /** Detached JWS (Ed25519, compact form) over the canonical JSON of this pointer without this field. */
  readonly signature?: string;
};

/** Table id → positions in `StoredIndex.shards` of the shards that hold its routes, ascending. */
export type TableShards = { readonly [tableId: string]: readonly number[] };

/** `index-<sha256>`: everything but the routes. */
export type StoredIndex = {
  readonly format: Format;
  readonly kind: 'index';
  readonly settings: ProgramSettings;
  /** Sorted by id. With `parts`: only domains whose hostname is a pattern. */
  readonly domains: readonly CompiledDomain[];
  /** Tables of these domains, and those no domain names. */
  readonly tables: TableShards;
  /** SHA-256 of each shard; null where a bucket is empty. */
  readonly shards: readonly (string | null)[];
  /** Present in a two-level index: SHA-256 per part; the part of a hostname is `partOf()`. */
  readonly parts?: readonly string[];
  /** What a supervisor must bind; the SHA-256 of a StoredUpstreams value when the list is long. */
  readonly upstreams: readonly CompiledUpstream[] | string;
};

/** `index-<sha256>`: the exact-hostname domains of one part of a two-level index. */
export type StoredIndexPart = {
  readonly format: Format;
  readonly kind: 'part';
  readonly domains: readonly CompiledDomain[];
  readonly tables: TableShards;
};

/** `index-<sha256>`: the upstreams of a program that has many. Read by whoever binds upstreams, and by self-hosted Workers. */
export type StoredUpstreams = {
  readonly format: Format;
  readonly kind: 'upstreams';
  readonly upstreams: readonly CompiledUpstream[];
};

/** `shard-<sha256>`: routes of some tables, or of one part of a large table. */
export type StoredShard = {
  readonly format: Format;
  readonly tables: { readonly [tableId: string]: readonly CompiledRoute[] };
};

/** `sources-<sha256>`: some of the last accepted resources, by resource key. */
export type StoredSources = {
  readonly format: Format;
  readonly resources: { readonly [key: string]: Json };
};

/** `history-<sequence>-<sha256>`: what was published when, and every value that it needs. */
export type StoredHistory = {
  readonly format: Format;
  readonly version: string;
  readonly sequence: number;
  readonly time: string;
  readonly index: string;
  /** Keys of every shard and index value of this version, sorted. */
  readonly values: readonly string[];
  readonly sources: { readonly resources: number; readonly buckets: readonly string[] };
};
