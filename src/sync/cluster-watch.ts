/** All kinds of one cluster: a reflector each, more when definitions appear, fewer when they go. */
import type { Finding } from '../diagnostics/finding.ts';
import type { KubernetesObject } from '../resources/ambassador/types.ts';
import type { Clock } from './clock.ts';
import { ApiError, type KubernetesApi } from './kubernetes-api.ts';
import { readObject, type ClusterSnapshot, type OwnObject, type ReadObject } from './cluster-snapshot.ts';
import { Reflector, type Entry } from './reflector.ts';
import { discoverKinds, listWatch, type ServedKind } from './watched-kinds.ts';

export type ClusterWatchOptions = {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly onChange: () => void;
  readonly onProblem: (message: string) => void;
  /** Name in every source; default null: the one and unnamed. */
  readonly cluster?: string | null;
};

type Watched = {
  readonly served: ServedKind;
  readonly reflector: Reflector;
  readonly stop: AbortController;
  readonly running: Promise<void>;
};

/** Definitions come and go seldom; a new kind may be this late. */
const DISCOVER_MS = 10_000;
/** After the first failure; doubled with each. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

export class ClusterWatch {
  readonly #options: ClusterWatchOptions;
  readonly #watched = new Map<string, Watched>();
  /** By what was read: the same text gives the same objects, which is what makes rebuilds cheap. */
  readonly #parsed = new WeakMap<Entry, ReadObject>();
  readonly #known = new Map<string, { readonly meaning: string; readonly parsed: ReadObject }>();
  /** Kinds that the last look did not find. */
  #missed = new Set<string>();
  #isDiscovered = false;

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { api, clock, onProblem } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      let waitMs = DISCOVER_MS;
      try {
        this.#update(await discoverKinds(api, signal));
        this.#isDiscovered = true;
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        onProblem(error instanceof Error ? error.message : String(error));
        const askedMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
        const longestMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
        waitMs = Math.max(askedMs, longestMs * (0.5 + 0.5 * clock.random()));
        failures = Math.min(failures + 1, 10);
      }
      await clock.sleep(waitMs, signal);
    }
    const watched = [...this.#watched.values()];
    for (const { stop } of watched) stop.abort();
    await Promise.all(watched.map(({ running }) => running));
  }

  /** null: not everything was listed once. A program without what is still to come would take routes away. */
  snapshot(): ClusterSnapshot | null {
    if (!this.#isDiscovered) return null;
    const { cluster = null } = this.#options;
    const objects: KubernetesObject[] = [];
    const findings: Finding[] = [];
    const own: OwnObject[] = [];
    const seen = new Set<string>();
    for (const [name, { served, reflector }] of this.#watched) {
      if (!reflector.isSynced) return null;
      for (const [key, entry] of reflector.entries) {
        const id = `${name} ${key}`;
        seen.add(id);
        const parsed = this.#parse(id, entry, served);
        for (const object of parsed.objects) objects.push(object);
        for (const found of parsed.findings) findings.push(found);
        if (served.isOwn) own.push({ served, raw: entry.raw, ...(cluster !== null && { cluster }) });
      }
    }
    for (const id of this.#known.keys()) if (!seen.has(id)) this.#known.delete(id);
    return { objects, findings, own };
  }

  #update(kinds: readonly ServedKind[]): void {
    const wanted = new Map(kinds.map((served) => [`${served.group}/${served.version}/${served.plural}`, served]));
    const missed = new Set([...this.#watched.keys()].filter((name) => !wanted.has(name)));
    for (const [name, { stop, served }] of this.#watched) {
      if (!missed.has(name)) continue;
      // One answer that lacks a kind must not take its routes away, unless another version stands in for it.
      const isReplaced = kinds.some(({ group, kind }) => group === served.group && kind === served.kind);
      if (!isReplaced && !this.#missed.has(name)) continue;
      stop.abort();
      this.#watched.delete(name);
      this.#options.onChange();
    }
    this.#missed = missed;
    for (const [name, served] of wanted) if (!this.#watched.has(name)) this.#watched.set(name, this.#start(served));
  }

  #start(served: ServedKind): Watched {
    const { api, clock, onChange, onProblem } = this.#options;
    const stop = new AbortController();
    const reflector = new Reflector({
      source: listWatch(api, served),
      clock,
      onChange,
      onProblem: (message) => onProblem(`${served.plural}: ${message}`),
    });
    return { served, reflector, stop, running: reflector.run(stop.signal) };
  }

  #parse(id: string, entry: Entry, served: ServedKind): ReadObject {
    const made = this.#parsed.get(entry);
    if (made !== undefined) return made;
    const before = this.#known.get(id);
    const parsed =
      before?.meaning === entry.meaning ? before.parsed : readObject(entry.raw, served, this.#options.cluster ?? null);
    this.#known.set(id, { meaning: entry.meaning, parsed });
    this.#parsed.set(entry, parsed);
    return parsed;
  }
}
