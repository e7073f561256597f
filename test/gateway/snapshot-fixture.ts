/** A snapshot cache over a store in memory, with a clock and requests of the test's making. */
import type { ProgramView } from '../../src/gateway/program-view.ts';
import { SnapshotCache, type SnapshotCacheOptions } from '../../src/gateway/snapshot-cache.ts';
import { DEFAULT_SETTINGS } from '../../src/model/settings.ts';
import { encodedValues, encodeProgram } from '../../src/program/encode.ts';
import type { SnapshotReader } from '../../src/program/program-store.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import type { Pointer } from '../../src/program/stored-form.ts';
import { aDomain, aRoute } from './gateway-fixture.ts';

const ZERO_HASH = '0'.repeat(64);

/** Hostname `<name>.test` serves one route with this prefix. */
export function program(sites: Readonly<Record<string, string>>): RouteProgram {
  const names = Object.keys(sites).toSorted();
  return {
    format: 1,
    settings: DEFAULT_SETTINGS,
    domains: names.map((name) =>
      aDomain({ id: name, hostname: `${name}.test`, tables: [{ id: `t-${name}`, hostname: null }] }),
    ),
    tables: Object.fromEntries(names.map((name) => [`t-${name}`, [aRoute(sites[name] ?? '')]])),
    upstreams: [],
  };
}

/** A store in memory that counts reads and can fail. */
export class FakeStore implements SnapshotReader {
  readonly values = new Map<string, string>();
  readonly reads: string[] = [];
  down = false;
  #sequence = 0;

  get(key: string): Promise<string | null> {
    this.reads.push(key);
    return this.down ? Promise.reject(new Error('KV is down')) : Promise.resolve(this.values.get(key) ?? null);
  }

  /** `indexLimit` 1: with an index of two levels, and the upstreams apart. */
  async publish(live: RouteProgram, change: Partial<Pointer> = {}, indexLimit?: number): Promise<Pointer> {
    const encoded = await encodeProgram(live, indexLimit === undefined ? {} : { indexLimit });
    for (const { key, value } of encodedValues(encoded)) this.values.set(key, value);
    this.#sequence += 1;
    const pointer: Pointer = {
      format: 1,
      version: encoded.version,
      sequence: this.#sequence,
      index: encoded.index,
      history: ZERO_HASH,
      time: new Date(Date.UTC(2026, 0, 1, 0, this.#sequence)).toISOString(),
      sources: { resources: 0 },
      ...change,
    };
    this.values.set('current', JSON.stringify(pointer));
    return pointer;
  }
}

export type Harness = {
  readonly store: FakeStore;
  readonly cache: SnapshotCache;
  readonly logged: string[];
  readonly clock: { now: number };
  /** One request: the view it gets, and the end of the work it left behind. */
  readonly request: () => Promise<ProgramView>;
};

export function harness(options: Pick<SnapshotCacheOptions, 'unbound'> = {}): Harness {
  const store = new FakeStore();
  const logged: string[] = [];
  const clock = { now: 1_000_000 };
  const cache = new SnapshotCache({
    reader: store,
    refreshMs: 1000,
    log: (event, fields) =>
      logged.push(
        event === 'program-rejected' ? `${event} ${JSON.stringify(fields['reason']).replaceAll('"', '')}` : event,
      ),
    now: () => clock.now,
    ...options,
  });
  return {
    store,
    cache,
    logged,
    clock,
    request: async () => {
      const background: Promise<unknown>[] = [];
      const view = await cache.current((work) => background.push(work));
      await Promise.all(background);
      return view;
    },
  };
}

export async function routeOf(view: ProgramView, host: string, path: string): Promise<string | null> {
  const site = await view.find(host, host);
  const facts = { method: 'GET', path, query: null, headers: new Headers(), authority: host, scheme: 'http' } as const;
  return site?.matcher.match(facts, 0)?.route.id ?? null;
}
