/** One file of an access log → its entries, and what was wrong with the rest. */
import type { AccessEntry, ReadOptions } from './entry.ts';
import { readLines } from './lines.ts';
import { readLine } from './read-line.ts';

/** Lines that cannot be read for one reason. */
export type Skipped = {
  readonly reason: string;
  readonly count: number;
  /** The first of them: its number from 1, and its beginning as it stands there, control characters included. */
  readonly line: number;
  readonly text: string;
};

/** As many characters of a line as tell what it is. */
const EXAMPLE_LENGTH = 160;

export class LogTally {
  lines = 0;
  requests = 0;
  /** Whether any time has a part of a second. */
  hasFractions = false;
  readonly #skipped = new Map<string, Skipped>();

  /** By reason, in the order in which they came up. */
  get skipped(): readonly Skipped[] {
    return [...this.#skipped.values()];
  }

  skip(reason: string, text: string): void {
    const known = this.#skipped.get(reason);
    const first = known ?? { reason, line: this.lines, text: text.slice(0, EXAMPLE_LENGTH) };
    this.#skipped.set(reason, { ...first, count: (known?.count ?? 0) + 1 });
  }
}

/** `needsAddress`: a line without the client's address cannot be used. */
export async function* readEntries(
  chunks: AsyncIterable<Uint8Array | string>,
  options: ReadOptions & { readonly needsAddress: boolean },
  tally: LogTally,
): AsyncGenerator<readonly AccessEntry[]> {
  for await (const lines of readLines(chunks)) {
    const entries: AccessEntry[] = [];
    for (const line of lines) {
      tally.lines += 1;
      const entry = line === null ? { unreadable: 'it is longer than any request' } : readLine(line, options);
      if (entry === null) continue;
      if ('unreadable' in entry) tally.skip(entry.unreadable, line ?? '');
      else if (options.needsAddress && entry.address === null)
        tally.skip('no field holds the client address', line ?? '');
      else {
        tally.requests += 1;
        tally.hasFractions ||= entry.atMs % 1_000 !== 0;
        entries.push(entry);
      }
    }
    yield entries;
  }
}
