/**
 * Shards of route tables by content hash. A hash names one content for ever, so a new version takes
 * over every shard it shares with the one before, indexed and verified as it is.
 */
import { decodeShard } from '../program/decode.ts';
import { shardKey } from '../program/keys.ts';
import type { SnapshotReader } from '../program/program-store.ts';
import { ShapePool } from './route-list.ts';
import { RouteTable } from './route-table.ts';
import { SingleFlight } from '../policies/single-flight.ts';

export type LoadedShard = {
  /** By table id. */
  readonly tables: ReadonlyMap<string, RouteTable>;
  /** Length of its text, as a measure of its memory. */
  readonly size: number;
};

export class ShardCache {
  readonly #reader: SnapshotReader;
  readonly #loaded = new Map<string, LoadedShard>();
  readonly #flights = new SingleFlight<LoadedShard>();

  constructor(reader: SnapshotReader) {
    this.#reader = reader;
  }

  get(hash: string): LoadedShard | undefined {
    return this.#loaded.get(hash);
  }

  /** Throws ProgramRejected, or what the store threw. `packed`: see RouteTableOptions. */
  load(hash: string, packed: boolean): Promise<LoadedShard> {
    const known = this.#loaded.get(hash);
    if (known !== undefined) return Promise.resolve(known);
    return this.#flights.join(hash, async () => {
      const text = await this.#reader.get(shardKey(hash));
      const { tables } = await decodeShard(text, hash);
      const shapes = new ShapePool();
      const shard = {
        tables: new Map(Object.entries(tables).map(([id, routes]) => [id, new RouteTable(routes, { packed, shapes })])),
        size: text?.length ?? 0,
      };
      this.#loaded.set(hash, shard);
      return shard;
    });
  }

  /** Forgets every shard that is not named. */
  keepOnly(hashes: ReadonlySet<string>): void {
    for (const hash of this.#loaded.keys()) if (!hashes.has(hash)) this.#loaded.delete(hash);
  }
}
