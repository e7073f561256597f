/**
 * Entries by the time at which their requests began. Logs are written when requests end, and several
 * processes write several files: within one file a window is sorted, and files are merged.
 */
import type { AccessEntry } from './entry.ts';
import { TimeQueue } from './time-queue.ts';

/** A request that began longer ago than this before the newest one of its file comes late. */
export const WINDOW_MS = 60_000;
/** Entries of all windows together; with more in 60 s the windows are shorter. */
export const WINDOW_ENTRIES = 100_000;

type Batches = AsyncIterable<readonly AccessEntry[]>;

/**
 * All entries of all files. One that comes late (see WINDOW_MS) is where it came; whoever reads must not
 * let time run back.
 */
export async function* inOrder(files: readonly Batches[]): AsyncGenerator<AccessEntry> {
  const most = Math.max(1, Math.floor(WINDOW_ENTRIES / Math.max(1, files.length)));
  const streams = files.map((file) => new OrderedStream(file, most));
  for (const stream of streams) await stream.fill();
  for (;;) {
    const [first] = streams;
    let next = first;
    for (const stream of streams) if (next === undefined || stream.nextMs < next.nextMs) next = stream;
    const entry = next?.take();
    if (next === undefined || entry === undefined) return;
    yield entry;
    if (!next.isReady) await next.fill();
  }
}

class OrderedStream {
  readonly #batches: AsyncIterator<readonly AccessEntry[]>;
  readonly #most: number;
  readonly #window = new TimeQueue<AccessEntry>();
  #batch: readonly AccessEntry[] = [];
  #taken = 0;
  #newestMs = -Infinity;
  #hasEnded = false;

  constructor(batches: Batches, most: number) {
    this.#batches = batches[Symbol.asyncIterator]();
    this.#most = most;
  }

  get nextMs(): number {
    return this.#window.nextMs;
  }

  /** Nothing that may still come belongs before the next entry. */
  get isReady(): boolean {
    const { size, nextMs } = this.#window;
    return this.#hasEnded || size > this.#most || (size > 0 && nextMs <= this.#newestMs - WINDOW_MS);
  }

  take(): AccessEntry | undefined {
    return this.#window.pop();
  }

  /** Entry by entry, so that what comes late does not hang on how the bytes were cut. */
  async fill(): Promise<void> {
    while (!this.isReady) {
      const entry = this.#batch[this.#taken];
      if (entry !== undefined) {
        this.#taken += 1;
        this.#newestMs = Math.max(this.#newestMs, entry.atMs);
        this.#window.push(entry.atMs, entry);
        continue;
      }
      const { done, value } = await this.#batches.next();
      if (done === true) this.#hasEnded = true;
      this.#batch = done === true ? [] : value;
      this.#taken = 0;
    }
  }
}
