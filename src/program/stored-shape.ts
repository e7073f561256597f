/** Shape checks of the stored values. */
import type { Json } from '../model/route-model.ts';
import type { CompiledUpstream } from './route-program.ts';
import { domainShape, routeShape, settingsShape, upstreamShape } from './program-shape.ts';
import {
  anything,
  array,
  either,
  integer,
  matching,
  nullable,
  object,
  oneOf,
  optional,
  record,
  refine,
  type Check,
} from './shape.ts';
import {
  STORED_FORMAT,
  type Pointer,
  type StoredHistory,
  type StoredIndex,
  type StoredIndexPart,
  type StoredShard,
  type StoredSources,
  type StoredUpstreams,
} from './stored-form.ts';

const format = oneOf(STORED_FORMAT);
const hash = matching(/^[0-9a-f]{64}$/, 'SHA-256');
const version = matching(/^[0-9a-f]{12}$/, 'version');
/** A date too: nothing can be later than the 91st month, neither for a reader nor for the next publish. */
const isoTime = refine(matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'time'), (time, path) =>
  Number.isNaN(Date.parse(time)) ? `${path} is no time` : null,
);
const valueKey = matching(/^(shard|index)-[0-9a-f]{64}$/, 'key of a value');
const resources = integer(0);
const json = anything<Json>();

export const pointerShape: Check<Pointer> = object<Pointer>({
  format,
  version,
  sequence: integer(1),
  index: hash,
  history: hash,
  time: isoTime,
  sources: object<Pointer['sources']>({ resources }),
  signature: optional(matching(/^[\w-]+\.\.[\w-]+$/, 'detached signature')),
});

const tableShards = record(array(integer(0)));

const indexFields = object<StoredIndex>({
  format,
  kind: oneOf('index'),
  settings: settingsShape,
  domains: array(domainShape),
  tables: tableShards,
  shards: array(nullable(hash)),
  parts: optional(array(hash)),
  upstreams: either(hash, array<CompiledUpstream>(upstreamShape)),
});

/** Fields, and that every table of a domain lies in shards that exist: a route must not vanish silently. */
export const indexShape: Check<StoredIndex> = refine(
  indexFields,
  (index) => danglingTable(index) ?? danglingShard(index, index.shards),
);

const partFields = object<StoredIndexPart>({
  format,
  kind: oneOf('part'),
  domains: array(domainShape),
  tables: tableShards,
});

export const indexPartShape: Check<StoredIndexPart> = refine(partFields, danglingTable);

/** Whether every position that a part names is a shard of its root. */
export function danglingShard(
  { tables }: Pick<StoredIndexPart, 'tables'>,
  shards: readonly (string | null)[],
): string | null {
  for (const [id, positions] of Object.entries(tables)) {
    if (positions.some((position) => typeof shards[position] !== 'string'))
      return `table ${id} is in a shard that does not exist`;
  }
  return null;
}

function danglingTable({ domains, tables }: Pick<StoredIndexPart, 'domains' | 'tables'>): string | null {
  for (const domain of domains) {
    for (const { id } of domain.tables) {
      if (!Object.hasOwn(tables, id)) return `domain ${domain.id} names table ${id}, which does not exist`;
    }
  }
  return null;
}

export const upstreamsShape: Check<StoredUpstreams> = object<StoredUpstreams>({
  format,
  kind: oneOf('upstreams'),
  upstreams: array(upstreamShape),
});

export const shardShape: Check<StoredShard> = object<StoredShard>({ format, tables: record(array(routeShape)) });

export const sourcesShape: Check<StoredSources> = object<StoredSources>({ format, resources: record(json) });

export const historyShape: Check<StoredHistory> = object<StoredHistory>({
  format,
  version,
  sequence: integer(1),
  time: isoTime,
  index: hash,
  values: array(valueKey),
  sources: object<StoredHistory['sources']>({ resources, buckets: array(hash) }),
});
