/**
 * Records of the namespace KEYS, kept per isolate.
 *
 * Found ones and absent ones lie in two bounded maps, so that a flood of invented keys drives out no
 * real one. Requests for the same credential share one read. While KEYS cannot be asked, a record that
 * was read not long ago still counts; afterwards the request cannot be decided and is refused.
 */
import { SingleFlight } from '../single-flight.ts';
import { BoundedMap } from './bounded-map.ts';

/** A record is read again after this long; how soon a revoked key stops follows from it. */
export const FOUND_MS = 30_000;
/** From here on it is read again beside the request, so that a key in use never waits. */
export const REFRESH_MS = 20_000;
/** How long a record counts while KEYS cannot be asked. */
export const OUTAGE_MS = 60_000;
/** How long a key that was not there stays unknown: the longest that a key created a moment ago may be refused. */
export const ABSENT_MS = 10_000;
const MOST_FOUND = 4_096;
const MOST_ABSENT = 4_096;

/** `record` null: there is none. */
export type Found<Entry> = { readonly record: Entry | null };
type Kept<Entry> = { readonly entry: Found<Entry>; readonly readAtMs: number };

export type RecordCacheOptions<Entry> = {
  readonly get: (name: string) => Promise<string | null>;
  readonly now: () => number;
  /** Text of a record → what the method wants of it; null: unreadable, which is as good as absent. */
  readonly decode: (text: string) => Entry | null;
  readonly onUnreadable: (name: string) => void;
  /** KEYS cannot be asked, and the request was decided by a record that should have been read again. */
  readonly onOutage: (error: unknown) => void;
};

export class RecordCache<Entry> {
  readonly #options: RecordCacheOptions<Entry>;
  readonly #found = new BoundedMap<Kept<Entry>>(MOST_FOUND);
  readonly #absent = new BoundedMap<Kept<Entry>>(MOST_ABSENT);
  readonly #flights = new SingleFlight<Found<Entry>>();

  constructor(options: RecordCacheOptions<Entry>) {
    this.#options = options;
  }

  /**
   * A plain value when it is known. Rejects when KEYS cannot be asked and nothing recent is known.
   *
   * @param key what the credential is remembered by
   * @param nameOf its name in KEYS; asked only for what is not known
   */
  lookup(
    key: string,
    nameOf: () => Promise<string>,
    waitUntil: (work: Promise<unknown>) => void,
  ): Found<Entry> | Promise<Found<Entry>> {
    const now = this.#options.now();
    const found = this.#found.get(key);
    const ageMs = found === undefined ? Infinity : ageOf(found, now);
    if (found !== undefined && ageMs < FOUND_MS) {
      if (ageMs >= REFRESH_MS) waitUntil(this.#read(key, nameOf).catch(() => undefined));
      return found.entry;
    }
    const absent = this.#absent.get(key);
    if (absent !== undefined && ageOf(absent, now) < ABSENT_MS) return absent.entry;
    const reading = this.#read(key, nameOf);
    if (found === undefined || ageMs >= OUTAGE_MS) return reading;
    return reading.catch((error: unknown) => {
      this.#options.onOutage(error);
      return found.entry;
    });
  }

  #read(key: string, nameOf: () => Promise<string>): Promise<Found<Entry>> {
    return this.#flights.join(key, async () => {
      const name = await nameOf();
      // Counted from before the question: the answer may be older than its arrival.
      const readAtMs = this.#options.now();
      const text = await this.#options.get(name);
      const record = text === null ? null : this.#options.decode(text);
      if (text !== null && record === null) this.#options.onUnreadable(name);
      this.#keep(key, { entry: { record }, readAtMs });
      return { record };
    });
  }

  /** A read that was overtaken by a later one says nothing new: a revocation must not be undone by it. */
  #keep(key: string, kept: Kept<Entry>): void {
    const known = this.#found.get(key) ?? this.#absent.get(key);
    // One from the future was read before the clock was set back.
    if (known !== undefined && known.readAtMs > kept.readAtMs && known.readAtMs <= this.#options.now()) return;
    const isFound = kept.entry.record !== null;
    (isFound ? this.#found : this.#absent).set(key, kept);
    (isFound ? this.#absent : this.#found).delete(key);
  }
}

/** A clock that went back makes an entry as old as can be, never young for longer. */
function ageOf({ readAtMs }: Kept<unknown>, now: number): number {
  return now < readAtMs ? Infinity : now - readAtMs;
}
