/**
 * Keeps a copy of all objects of one kind: list, then watch from there (Kubernetes API concepts,
 * "Efficient detection of changes"). Whatever is doubtful is answered with a new list, because a list is
 * always the whole truth.
 */
import { isRecord } from '../resources/record.ts';
import { ApiError } from './kubernetes-api.ts';
import type { Clock } from './clock.ts';

export type RawObject = Readonly<Record<string, unknown>>;

/** One kind of one API server. */
export interface ListWatch {
  /** All pages. Throws as KubernetesApi.request() does. */
  list(signal: AbortSignal): Promise<{ readonly items: readonly unknown[]; readonly resourceVersion: string }>;
  /** Events after this version, `{type, object}` each. */
  watch(resourceVersion: string, signal: AbortSignal): AsyncIterable<unknown>;
}

export type ReflectorOptions = {
  readonly source: ListWatch;
  readonly clock: Clock;
  /** Called after every change that can change a program; not for changes of `status` alone. */
  readonly onChange: () => void;
  /** The API server cannot be asked, or says something odd. It is asked again by itself. */
  readonly onProblem: (message: string) => void;
};

export type Entry = {
  readonly raw: RawObject;
  /** What of the object can change a program, as text. Equal texts: keep what was made of it. */
  readonly meaning: string;
};

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** An event that was lost without a trace is made good by then at the latest. */
const RELIST_MS = 10 * 60_000;
/** A list that lost more than so many, or so large a share, is asked for again before it is believed. */
const DOUBTFUL_LOSS = 20;
const DOUBTFUL_SHARE = 1 / 3;
const DOUBT_MS = 1_000;

export class Reflector {
  readonly #options: ReflectorOptions;
  #entries = new Map<string, Entry>();
  #version: string | null = null;
  #listedMs = 0;
  #isSynced = false;
  #failures = 0;

  constructor(options: ReflectorOptions) {
    this.#options = options;
  }

  /** By `namespace/name`. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** Whether there was a complete list yet. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, onProblem } = this.#options;
    while (!signal.aborted) {
      try {
        if (this.#version === null || clock.nowMs() - this.#listedMs > this.#relistMs()) await this.#relist(signal);
        const startedMs = clock.nowMs();
        const trust = await this.#follow(signal);
        if (trust === 'lost') this.#version = null;
        // A server that ends every watch at once, or says odd things, is not to be asked in a tight loop.
        if (trust === 'lost' || clock.nowMs() - startedMs < FIRST_WAIT_MS) await this.#wait(null, signal);
        else this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const isExpired = error instanceof ApiError && error.status === 410;
        if (isExpired) this.#version = null;
        else onProblem(error instanceof Error ? error.message : String(error));
        await this.#wait(error instanceof ApiError ? error.retryAfterMs : null, signal);
      }
    }
  }

  /** Spread out, so that the kinds of one process do not all ask at the same time. */
  #relistMs(): number {
    return RELIST_MS * (1 + 0.2 * this.#options.clock.random());
  }

  async #wait(askedMs: number | null, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    await clock.sleep(Math.max(askedMs ?? 0, longest * (0.5 + 0.5 * clock.random())), signal);
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const { source, clock } = this.#options;
    let list = await source.list(signal);
    let entries = entriesOf(list.items);
    if (isDoubtful(this.#entries, entries)) {
      await clock.sleep(DOUBT_MS, signal);
      list = await source.list(signal);
      entries = entriesOf(list.items);
    }
    if (signal.aborted) return;
    const before = this.#entries;
    this.#entries = entries;
    this.#version = list.resourceVersion;
    this.#listedMs = clock.nowMs();
    const isFirst = !this.#isSynced;
    this.#isSynced = true;
    if (isFirst || !isSameMeaning(before, entries)) this.#options.onChange();
  }

  /** `lost`: what was seen last is no place to go on from. */
  async #follow(signal: AbortSignal): Promise<'resumable' | 'lost'> {
    const from = this.#version;
    if (from === null) return 'lost';
    for await (const event of this.#options.source.watch(from, signal)) {
      if (signal.aborted) break;
      if (!isRecord(event) || !isRecord(event['object'])) return 'lost';
      const { type, object } = event;
      if (type === 'ERROR') {
        if (object['code'] === 410) return 'lost';
        throw new ApiError(`the watch ended: ${String(object['message'])}`, {
          status: Number(object['code'] ?? 500),
          reason: null,
          retryAfterMs: null,
        });
      }
      const version = versionOf(object);
      // Versions of one kind only grow (KEP-5504). One that goes back was delayed, and hides what it overtook.
      if (version === null || isOlder(version, this.#version ?? version)) return 'lost';
      if (type !== 'BOOKMARK' && !this.#apply(String(type), object)) return 'lost';
      this.#version = version;
    }
    return 'resumable';
  }

  /** False: an event of no known form. */
  #apply(type: string, object: RawObject): boolean {
    const key = keyOf(object);
    if (key === null || !['ADDED', 'MODIFIED', 'DELETED'].includes(type)) return false;
    const before = this.#entries.get(key);
    if (type === 'DELETED') {
      this.#entries.delete(key);
      if (before !== undefined) this.#options.onChange();
      return true;
    }
    const entry = toEntry(object);
    this.#entries.set(key, entry);
    if (before?.meaning !== entry.meaning) this.#options.onChange();
    return true;
  }
}

function entriesOf(items: readonly unknown[]): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const item of items) {
    if (!isRecord(item)) continue;
    const key = keyOf(item);
    if (key !== null) entries.set(key, toEntry(item));
  }
  return entries;
}

/** A server that has just started, or lags behind, may say that there is nothing. */
function isDoubtful(before: ReadonlyMap<string, Entry>, now: ReadonlyMap<string, Entry>): boolean {
  const lost = [...before.keys()].filter((key) => !now.has(key)).length;
  return lost > DOUBTFUL_LOSS || (lost > 0 && lost >= before.size * DOUBTFUL_SHARE);
}

/** Everything but `status` and what the server keeps for itself. */
function toEntry(raw: RawObject): Entry {
  const { status: _, metadata, ...rest } = raw;
  const { name, namespace, uid, generation, labels, annotations } = isRecord(metadata) ? metadata : {};
  return { raw, meaning: JSON.stringify([rest, name, namespace, uid, generation, labels, annotations]) };
}

/** null: it has no name, which no object of an API server lacks. */
function keyOf({ metadata }: RawObject): string | null {
  if (!isRecord(metadata) || typeof metadata['name'] !== 'string') return null;
  const { namespace } = metadata;
  return `${typeof namespace === 'string' ? namespace : ''}/${metadata['name']}`;
}

function versionOf({ metadata }: RawObject): string | null {
  const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
  return typeof version === 'string' && version !== '' ? version : null;
}

/** Versions that are no numbers cannot be compared: then none is older. */
function isOlder(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}

function isSameMeaning(a: ReadonlyMap<string, Entry>, b: ReadonlyMap<string, Entry>): boolean {
  return a.size === b.size && [...a].every(([key, { meaning }]) => b.get(key)?.meaning === meaning);
}
