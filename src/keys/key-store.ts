/** Port to the namespace KEYS as whoever manages keys needs it; every program store is one. */
export interface KeyStore {
  /** null when there is no such value. Throws when the store cannot be asked. */
  get(name: string): Promise<string | null>;
  /** `writtenAt`: ISO time; absent or null: the store does not know it. */
  list(prefix: string): Promise<readonly { readonly key: string; readonly writtenAt?: string | null }[]>;
  /** Durable once it resolves. */
  putMany(values: readonly { readonly key: string; readonly value: string }[]): Promise<void>;
  /** Absent names are no error. */
  deleteMany(names: readonly string[]): Promise<void>;
  /** Several values in fewer round trips; absent ones are left out. */
  getMany?(names: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export async function readMany(store: KeyStore, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (store.getMany !== undefined) return store.getMany(names);
  const values = new Map<string, string>();
  for (const name of names) {
    const value = await store.get(name);
    if (value !== null) values.set(name, value);
  }
  return values;
}
