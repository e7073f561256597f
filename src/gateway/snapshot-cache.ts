/**
 * The live program of this isolate. Once there is one, no request ever waits for the store: the
 * pointer is asked in the background, a new version is loaded and verified beside the old one, and
 * the reference is switched only when the new one can serve every host that the old one served.
 * Whatever goes wrong, the last good version stays.
 */
import type { JWK } from 'jose';
import { GatewayError } from '../diagnostics/errors.ts';
import { decodePointer, supersedes } from '../program/decode.ts';
import { indexKey, POINTER_KEY } from '../program/keys.ts';
import type { SnapshotReader } from '../program/program-store.ts';
import { ProgramRejected } from '../program/rejected.ts';
import type { CompiledUpstream } from '../program/route-program.ts';
import type { Pointer } from '../program/stored-form.ts';
import type { ProgramSource } from './app.ts';
import type { Log } from './problem.ts';
import type { ProgramView } from './program-view.ts';
import { ShardCache } from './shard-cache.ts';
import { SingleFlight } from '../policies/single-flight.ts';
import { createStoredView, type StoredView } from './stored-view.ts';

export type SnapshotCacheOptions = {
  readonly reader: SnapshotReader;
  /** How old the last look at the pointer may be before another one is taken. Milliseconds. */
  readonly refreshMs: number;
  /** See PointerTrust. */
  readonly verifyKey?: JWK | readonly JWK[];
  /**
   * Ids of those upstreams that this process cannot reach. A version that adds to them is refused:
   * whoever exchanges processes serves it from new ones. Default: nobody asks, and every version is taken.
   */
  readonly unbound?: (upstreams: readonly CompiledUpstream[]) => readonly string[];
  readonly log: Log;
  /** Milliseconds; default Date.now. */
  readonly now?: () => number;
};

export type SnapshotStatus = {
  readonly version: string | null;
  readonly sequence: number | null;
  /** Publish time of the version, ISO. */
  readonly publishedAt: string | null;
  /** Milliseconds since the pointer was last read successfully; null: never. */
  readonly pointerAgeMs: number | null;
  /** Why the newest candidate was refused; null: it was not. */
  readonly rejected: string | null;
};

/** One read of the store: longer and the store counts as down. */
const READ_TIMEOUT_MS = 10_000;
/** A refresh that has not ended by then died with its request. */
const REFRESH_ABANDONED_MS = 30_000;
/** While there is no program, the store is asked at most this often. */
const COLD_RETRY_MS = 1_000;
/** Upstreams that one refusal names. */
const NAMED_UPSTREAMS = 5;

type Live = {
  readonly pointer: Pointer;
  readonly view: StoredView;
  /** Upstreams of it that this process cannot reach: their routes refuse. */
  readonly unbound: ReadonlySet<string>;
};
const NONE: ReadonlySet<string> = new Set();

export class SnapshotCache implements ProgramSource {
  readonly #options: SnapshotCacheOptions;
  readonly #reader: SnapshotReader;
  readonly #shards: ShardCache;
  readonly #coldFlights = new SingleFlight<ProgramView>();
  readonly #now: () => number;
  #live: Live | null = null;
  #refreshStartedAt: number | null = null;
  #lookedAt = -Infinity;
  #pointerReadAt: number | null = null;
  #coldFailure: { readonly at: number; readonly error: unknown } | null = null;
  #rejected: string | null = null;

  constructor(options: SnapshotCacheOptions) {
    this.#options = options;
    this.#reader = { get: (key) => withTimeout(options.reader.get(key), key) };
    this.#shards = new ShardCache(this.#reader);
    this.#now = options.now ?? Date.now;
  }

  current(waitUntil: (work: Promise<unknown>) => void): ProgramView | Promise<ProgramView> {
    if (this.#live === null) return this.#firstView(waitUntil);
    if (this.#mayRefresh()) waitUntil(this.#refreshInBackground());
    return this.#live.view;
  }

  /** Looks at the pointer now. Resolves with the version served afterwards, which is the old one when the new was refused. */
  async reload(): Promise<{ readonly version: string | null }> {
    await this.#tryRefresh();
    return { version: this.#live?.view.version ?? null };
  }

  /** Loads parts of the live version ahead of need, within a bound. For `waitUntil`; never throws. */
  async prefetch(): Promise<void> {
    const view = this.#live?.view;
    await view?.prefetch(() => this.#live?.view === view);
  }

  status(): SnapshotStatus {
    const pointer = this.#live?.pointer ?? null;
    return {
      version: pointer?.version ?? null,
      sequence: pointer?.sequence ?? null,
      publishedAt: pointer?.time ?? null,
      pointerAgeMs: this.#pointerReadAt === null ? null : this.#now() - this.#pointerReadAt,
      rejected: this.#rejected,
    };
  }

  #mayRefresh(): boolean {
    const now = this.#now();
    if (now - this.#lookedAt < this.#options.refreshMs) return false;
    return this.#refreshStartedAt === null || now - this.#refreshStartedAt > REFRESH_ABANDONED_MS;
  }

  async #refreshInBackground(): Promise<void> {
    this.#refreshStartedAt = this.#now();
    try {
      const before = this.#live?.view;
      await this.#tryRefresh();
      if (this.#live?.view !== before) await this.prefetch();
    } finally {
      this.#refreshStartedAt = null;
    }
  }

  async #tryRefresh(): Promise<void> {
    this.#lookedAt = this.#now();
    try {
      await this.#refresh();
    } catch (error) {
      this.#reject(error);
    }
  }

  #firstView(waitUntil: (work: Promise<unknown>) => void): Promise<ProgramView> {
    const failure = this.#coldFailure;
    if (failure !== null && this.#now() - failure.at < COLD_RETRY_MS) return Promise.reject(noProgram(failure.error));
    const loading = this.#coldFlights.join('first', async () => {
      this.#lookedAt = this.#now();
      try {
        await this.#refresh();
      } catch (error) {
        this.#coldFailure = { at: this.#now(), error };
        this.#reject(error);
        throw noProgram(error);
      }
      if (this.#live === null) throw noProgram(null);
      this.#coldFailure = null;
      return this.#live.view;
    });
    // Kept alive when this client leaves: others have joined, and the next request wants it too.
    waitUntil(loading.then(() => this.prefetch()).catch(() => undefined));
    return loading;
  }

  /** Throws ProgramRejected, or what the store threw; the live version is then untouched. */
  async #refresh(): Promise<void> {
    const { verifyKey } = this.#options;
    const text = await this.#reader.get(POINTER_KEY);
    const pointer = await decodePointer(text, verifyKey === undefined ? {} : { verifyKey });
    this.#pointerReadAt = this.#now();
    const before = this.#live;
    if (before !== null && !supersedes(pointer, before.pointer)) {
      if (pointer.index === before.pointer.index) this.#rejected = null;
      return;
    }
    if (before !== null && before.pointer.index === pointer.index) {
      this.#live = { ...before, pointer };
      return;
    }
    const view = await createStoredView(this.#reader, pointer, this.#shards);
    const unbound = await this.#unboundIn(view, pointer, before);
    try {
      await view.warm(before?.view.hosts() ?? []);
    } catch (error) {
      // What was loaded stays for the next attempt, but what refused versions before it had loaded does not.
      this.#keepShards(this.#live?.view, view);
      throw error;
    }
    // Another refresh may have been faster and gone further.
    if (this.#live !== before && this.#live !== null && !supersedes(pointer, this.#live.pointer)) return;
    this.#live = { pointer, view, unbound };
    this.#keepShards(view);
    this.#rejected = null;
    this.#options.log('program-loaded', { version: pointer.version, sequence: pointer.sequence });
  }

  /** Throws ProgramRejected when the live version needs less than `view` of what is out of reach. */
  async #unboundIn(view: StoredView, pointer: Pointer, live: Live | null): Promise<ReadonlySet<string>> {
    const { unbound } = this.#options;
    if (unbound === undefined) return NONE;
    let missing: readonly string[];
    try {
      missing = unbound(await view.upstreams());
    } catch (error) {
      // Without a program, one of which some routes may refuse is better than none.
      if (live === null) return NONE;
      throw error;
    }
    // What the live version cannot reach either gets no worse by the switch.
    const added = live === null ? [] : missing.filter((id) => !live.unbound.has(id));
    if (added.length > 0) throw new ProgramRejected('upstream-unbound', indexKey(pointer.index), unboundText(added));
    return new Set(missing);
  }

  #keepShards(...views: readonly (StoredView | undefined)[]): void {
    const kept = new Set<string>();
    for (const view of views) for (const hash of view?.shardHashes() ?? []) kept.add(hash);
    this.#shards.keepOnly(kept);
  }

  /** One line per distinct reason: a store that stays broken is asked again at every refresh. */
  #reject(error: unknown): void {
    const reason = error instanceof ProgramRejected ? error.reason : 'store-unavailable';
    const detail = error instanceof Error ? error.message : String(error);
    const rejected = `${reason}: ${detail}`;
    if (rejected === this.#rejected) return;
    this.#rejected = rejected;
    this.#options.log('program-rejected', { reason, detail, serving: this.#live?.pointer.version ?? null });
  }
}

function unboundText(ids: readonly string[]): string {
  const rest = ids.length - NAMED_UPSTREAMS;
  const named = ids.slice(0, NAMED_UPSTREAMS).join(', ');
  return `this process has no binding for ${named}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function noProgram(cause: unknown): GatewayError {
  return new GatewayError(503, 'no-program', 'This gateway has no route program yet.', {
    cause,
    headers: { 'retry-after': '5' },
  });
}

async function withTimeout<Value>(work: Promise<Value>, key: string): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The store did not answer for ${key} in time.`)), READ_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    if (timer !== undefined) clearTimeout(timer);
  }
}
