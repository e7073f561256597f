/**
 * Judges one damaged value in process, by everything that reads a store: a gateway that is warm, one
 * that starts cold, whoever loads the whole program, and the next publish.
 */
import { SnapshotCache } from '../../src/gateway/snapshot-cache.ts';
import { createMemoryView, type ProgramView } from '../../src/gateway/program-view.ts';
import { GatewayError } from '../../src/diagnostics/errors.ts';
import { canonicalJson } from '../../src/program/canonical-json.ts';
import { loadProgram } from '../../src/program/load-program.ts';
import type { SnapshotReader } from '../../src/program/program-store.ts';
import { ProgramRejected } from '../../src/program/rejected.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { MemoryStore } from '../program/memory-store.ts';
import { publish, type Built } from './programs.ts';

export type Target = { readonly host: string; readonly path: string };

export type Published = {
  readonly before: MemoryStore;
  /** `before` and the version after it. */
  readonly after: MemoryStore;
  readonly builds: readonly [Built, Built, Built];
  readonly targets: readonly Target[];
  /** Canonical content per version. */
  readonly content: ReadonlyMap<string, string>;
};

export type Verdict =
  /** A version is served, and its content is the published one. */
  | 'whole'
  /** Nothing is served in its place: 503, or the old version stays. */
  | 'refused'
  /** What is served is not what was published under that name. */
  | 'accepted'
  /** A host that worked before does not any more. */
  | 'lost';

export async function publishSeries(
  builds: readonly [Built, Built, Built],
  targets: readonly Target[],
): Promise<Published> {
  const before = new MemoryStore();
  // Values of unknown age are never pruned.
  before.now = null;
  await publish(before, builds[0]);
  const after = before.copy();
  await publish(after, builds[1]);
  const content = new Map<string, string>();
  for (const { encoded, result } of builds) {
    content.set(encoded.version, await contentOf(createMemoryView(result.program, encoded.version), targets));
  }
  return { before, after, builds, targets, content };
}

/** Everything that decides about the requests to these targets. */
async function contentOf(view: ProgramView, targets: readonly Target[]): Promise<string> {
  const all = [];
  for (const target of targets) all.push(await partOf(view, target));
  return canonicalJson({ settings: view.settings, all });
}

async function partOf(view: ProgramView, { host, path }: Target) {
  const site = await view.find(host, host);
  const facts = { method: 'GET', path, query: null, headers: new Headers(), authority: host, scheme: 'http' } as const;
  return { domain: site?.domain ?? null, route: site?.matcher.match(facts, 0)?.route ?? null };
}

/** A gateway that served `before` to half of the hosts, and then finds the damage. */
export async function judgeWarm(published: Published, damaged: SnapshotReader): Promise<Verdict> {
  let reader: SnapshotReader = published.before;
  const cache = cacheOver({ get: (key) => reader.get(key) });
  const [warm] = published.targets;
  if (warm === undefined) throw new Error('There must be a target.');
  await partOf(await cache.current(ignore), warm);
  reader = damaged;
  await cache.reload();
  const view = await cache.current(ignore);
  const verdict = await judgeView(view, published);
  if (verdict !== 'refused') return verdict;
  return partOf(view, warm).then(
    () => 'refused',
    () => 'lost',
  );
}

export async function judgeCold(published: Published, damaged: SnapshotReader): Promise<Verdict> {
  const cache = cacheOver(damaged);
  try {
    return await judgeView(await cache.current(ignore), published);
  } catch (error) {
    return refusalOrThrow(error);
  }
}

async function judgeView(view: ProgramView, { content, targets }: Published): Promise<Verdict> {
  const expected = content.get(view.version);
  try {
    return (await contentOf(view, targets)) === expected ? 'whole' : 'accepted';
  } catch (error) {
    return refusalOrThrow(error);
  }
}

function refusalOrThrow(error: unknown): Verdict {
  if (error instanceof GatewayError && error.status === 503) return 'refused';
  throw error;
}

/** A supervisor or a roll-back. */
export async function judgeWhole({ builds }: Published, damaged: SnapshotReader): Promise<Verdict> {
  try {
    const loaded = await loadProgram(damaged);
    const published: RouteProgram = builds[1].result.program;
    return loaded === null || canonicalJson(loaded.program) === canonicalJson(published) ? 'whole' : 'accepted';
  } catch (error) {
    if (error instanceof ProgramRejected) return 'refused';
    throw error;
  }
}

/** Publishes over the damage; a gateway that read it must then serve the new version. Throws when the publish does. */
export async function healsByPublish(published: Published, key: string, value: string | null): Promise<boolean> {
  const store = published.after.copy();
  if (value === null) store.values.delete(key);
  else store.values.set(key, { value, writtenAt: null });
  let reader: SnapshotReader = published.before;
  const cache = cacheOver({ get: (asked) => reader.get(asked) });
  await cache.current(ignore);
  reader = store;
  await cache.reload();
  const [, , next] = published.builds;
  await publish(store, next);
  await cache.reload();
  const view = await cache.current(ignore);
  return view.version === next.encoded.version && (await judgeView(view, published)) === 'whole';
}

function cacheOver(reader: SnapshotReader): SnapshotCache {
  return new SnapshotCache({ reader, refreshMs: 1e9, log: ignore });
}

function ignore(): void {
  // Neither background work nor log lines matter here.
}
