/** A whole program out of a store: for supervisors, roll-back and tests. Edge Workers load only what a request needs. */
import { compareCodePoints } from '../model/rank.ts';
import {
  decodeIndex,
  decodeIndexPart,
  decodePointer,
  decodeShard,
  decodeUpstreams,
  type PointerTrust,
} from './decode.ts';
import { indexKey, POINTER_KEY, shardKey } from './keys.ts';
import type { SnapshotReader } from './program-store.ts';
import {
  FORMAT_VERSION,
  type CompiledDomain,
  type CompiledRoute,
  type CompiledUpstream,
  type RouteProgram,
} from './route-program.ts';
import type { Pointer, StoredIndex } from './stored-form.ts';

export type LoadedProgram = { readonly pointer: Pointer; readonly program: RouteProgram };

/** The live program; null when nothing was ever published. Throws ProgramRejected. */
export async function loadProgram(reader: SnapshotReader, trust: PointerTrust = {}): Promise<LoadedProgram | null> {
  const text = await reader.get(POINTER_KEY);
  if (text === null) return null;
  const pointer = await decodePointer(text, trust);
  return { pointer, program: await loadVersion(reader, pointer.index) };
}

/** The program of one index, live or not. Throws ProgramRejected. */
export async function loadVersion(reader: SnapshotReader, indexHash: string): Promise<RouteProgram> {
  const index = await decodeIndex(await reader.get(indexKey(indexHash)), indexHash);
  const domains: CompiledDomain[] = [...index.domains];
  const tableIds = new Set(Object.keys(index.tables));
  for (const hash of index.parts ?? []) {
    const part = await decodeIndexPart(await reader.get(indexKey(hash)), hash, index);
    domains.push(...part.domains);
    for (const id of Object.keys(part.tables)) tableIds.add(id);
  }
  return {
    format: FORMAT_VERSION,
    settings: index.settings,
    domains: sortedById(domains),
    tables: await loadTables(reader, index, tableIds),
    upstreams: await loadUpstreams(reader, index),
  };
}

/** They are a value of their own when they are many. Throws ProgramRejected. */
export async function loadUpstreams(reader: SnapshotReader, index: StoredIndex): Promise<readonly CompiledUpstream[]> {
  if (typeof index.upstreams !== 'string') return index.upstreams;
  return (await decodeUpstreams(await reader.get(indexKey(index.upstreams)), index.upstreams)).upstreams;
}

async function loadTables(
  reader: SnapshotReader,
  index: StoredIndex,
  ids: ReadonlySet<string>,
): Promise<RouteProgram['tables']> {
  const tables = new Map<string, CompiledRoute[]>([...ids].toSorted(compareCodePoints).map((id) => [id, []]));
  for (const hash of new Set(index.shards)) {
    if (hash === null) continue;
    const shard = await decodeShard(await reader.get(shardKey(hash)), hash);
    for (const [id, routes] of Object.entries(shard.tables)) tables.get(id)?.push(...routes);
  }
  return Object.fromEntries([...tables].map(([id, routes]) => [id, sortedById(routes)]));
}

function sortedById<T extends { readonly id: string }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => compareCodePoints(a.id, b.id));
}
