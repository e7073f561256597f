/**
 * Tokens that were found good, so that the next request with one does no cryptography and waits for nothing.
 *
 * Keyed by the text of the token: hashing it for a digest costs more than comparing it, and a digest by
 * Web Crypto is a promise. Whoever reads the memory of an isolate reads the tokens of its requests anyway.
 *
 * All configurations of an isolate share one budget. Two generations bound it: what was not asked for
 * during a whole generation is dropped with it.
 */
import type { Consumer } from '../../contract.ts';
import type { HeaderEdit } from '../method.ts';
import type { ValidTime } from './check-claims.ts';
import type { KeySet, VerifyKey } from './keys/key-source.ts';
import type { ParsedToken } from './parse-token.ts';

export type VerifiedToken = {
  readonly token: ParsedToken;
  readonly time: ValidTime;
  readonly consumer: Consumer;
  /** Those that the token alone decides. */
  readonly edits: readonly HeaderEdit[];
  readonly key: VerifyKey;
  /** Last set in which the key was seen. */
  set: KeySet;
};

export type Budget = { readonly maxEntries: number; readonly maxBytes: number };

const DEFAULT_BUDGET: Budget = { maxEntries: 20_000, maxBytes: 16 * 1_024 * 1_024 };
/** Rough cost of an entry besides its texts. */
const ENTRY_BYTES = 1_024;

type Generation = Map<string, VerifiedToken>;

/** The tokens of one configuration. */
export class VerifiedTokens {
  readonly configuration: string;
  readonly #store: VerifiedTokenStore;
  young: Generation = new Map();
  old: Generation = new Map();

  constructor(store: VerifiedTokenStore, configuration: string) {
    this.#store = store;
    this.configuration = configuration;
  }

  get(text: string): VerifiedToken | null {
    const found = this.young.get(text);
    if (found !== undefined) return found;
    const kept = this.old.get(text);
    if (kept === undefined) return null;
    this.old.delete(text);
    this.set(kept);
    return kept;
  }

  set(entry: VerifiedToken): void {
    this.#store.spend(this, entry);
    this.young.set(entry.token.text, entry);
  }

  delete(text: string): void {
    this.young.delete(text);
    this.old.delete(text);
  }
}

export class VerifiedTokenStore {
  readonly #budget: Budget;
  readonly #named = new Map<string, VerifiedTokens>();
  /** Those that may hold entries: a turn must reach every one of them. */
  readonly #filled = new Set<VerifiedTokens>();
  #entries = 0;
  #bytes = 0;

  constructor(budget: Budget = DEFAULT_BUDGET) {
    this.#budget = budget;
  }

  /** Equal configurations share their tokens, also across versions of the program; a changed one starts anew. */
  of(configuration: string): VerifiedTokens {
    let partition = this.#named.get(configuration);
    if (partition === undefined) {
      partition = new VerifiedTokens(this, configuration);
      this.#named.set(configuration, partition);
    }
    return partition;
  }

  /** Half of the budget is for the young generation, half for the old one. */
  spend(partition: VerifiedTokens, { token, edits }: VerifiedToken): void {
    // Text, decoded claims and consumer; values of headers are two bytes a character at worst.
    const bytes = token.text.length * 4 + edits.reduce((sum, { value }) => sum + 2 * (value?.length ?? 0), ENTRY_BYTES);
    const isFull =
      (this.#entries + 1) * 2 > this.#budget.maxEntries || (this.#bytes + bytes) * 2 > this.#budget.maxBytes;
    if (isFull) this.#turn();
    this.#entries += 1;
    this.#bytes += bytes;
    this.#filled.add(partition);
  }

  #turn(): void {
    this.#entries = 0;
    this.#bytes = 0;
    for (const partition of this.#filled) {
      partition.old = partition.young;
      partition.young = new Map();
      if (partition.old.size === 0) this.#filled.delete(partition);
    }
    // A configuration nobody used for a generation may be one of an old program. Who still holds it can go on.
    for (const [configuration, partition] of this.#named) {
      if (!this.#filled.has(partition)) this.#named.delete(configuration);
    }
  }
}
