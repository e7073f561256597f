/** Ports to the key-value store that holds programs. */

/** What a reader needs. The Worker's KV binding, a folder and a fake all fit. */
export interface SnapshotReader {
  /** null when the key has no value. Throws when the store cannot be asked. */
  get(key: string): Promise<string | null>;
}

export type StoredValue = { readonly key: string; readonly value: string };

/** What a publisher needs. Every method throws when the store fails for good; retries are the store's matter. */
export interface ProgramStore extends SnapshotReader {
  /** Every key with the prefix; `writtenAt` is an ISO time, null when the store does not know it. */
  list(prefix: string): Promise<readonly { readonly key: string; readonly writtenAt: string | null }[]>;
  /** Durable once it resolves. Order inside one call is not defined; a failure may leave any subset written. */
  putMany(values: readonly StoredValue[]): Promise<void>;
  put(key: string, value: string): Promise<void>;
  /** Absent keys are no error. */
  deleteMany(keys: readonly string[]): Promise<void>;
  /** Several values in fewer round trips; absent keys are left out of the answer. */
  getMany?(keys: readonly string[]): Promise<ReadonlyMap<string, string>>;
}
