/** What a line of an access log tells of one request. */

/** null: the line does not say it. */
export type AccessEntry = {
  /** When the request began, as well as the log knows; milliseconds since 1970. */
  readonly atMs: number;
  /** From the first byte of the request to the last of the answer. */
  readonly durationMs: number | null;
  readonly address: string | null;
  readonly method: string | null;
  /** Path and query as sent. */
  readonly target: string | null;
  readonly host: string | null;
  readonly consumer: string | null;
  readonly apiKey: string | null;
  readonly country: string | null;
  readonly route: string | null;
  /** `header:NAME` and `claim:NAME`, of those that were asked for. */
  readonly others: Readonly<Record<string, string>>;
};

export type ReadOptions = {
  /** Paths of fields in JSON lines, by what they hold; see FIELDS of json-line.ts. They go before the defaults. */
  readonly fields: ReadonlyMap<string, string>;
  /** Names of `others` that are worth keeping. */
  readonly wanted: readonly string[];
  /** Which entry of an address list is the client: 0 the last, 1 the one before it … */
  readonly trustedHops: number;
};

/** A line that no request can be read from, and why. */
export type Unreadable = { readonly unreadable: string };

/** The client of `a, b, c`, as a proxy that believes this many others reads it; a shorter list says its first. */
export function clientOf(list: string, trustedHops: number): string | null {
  const entries = list.split(',').map((entry) => entry.trim());
  const client = entries[Math.max(0, entries.length - 1 - trustedHops)] ?? '';
  return said(client);
}

/** Logs write `-` for what is not there. */
export function said(text: string | undefined): string | null {
  return text === undefined || text === '' || text === '-' ? null : text;
}
