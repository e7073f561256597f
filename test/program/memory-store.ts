/** A program store in memory that can fail, forget and lie. */
import type { ProgramStore, StoredValue } from '../../src/program/program-store.ts';

export class MemoryStore implements ProgramStore {
  readonly values = new Map<string, { value: string; writtenAt: string | null }>();
  /** Keys in the order written. */
  readonly written: string[] = [];
  readonly deleted: string[] = [];
  /** Keys that were asked for, found or not. */
  readonly read: string[] = [];
  /** The write that fails, counted from 1; writes before it happen. */
  failAtWrite = Number.POSITIVE_INFINITY;
  now: string | null = '2026-11-01T00:00:00.000Z';
  #writes = 0;

  async get(key: string): Promise<string | null> {
    this.read.push(key);
    return this.values.get(key)?.value ?? null;
  }

  async list(prefix: string): Promise<readonly { key: string; writtenAt: string | null }[]> {
    return [...this.values]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, { writtenAt }]) => ({ key, writtenAt }));
  }

  async put(key: string, value: string): Promise<void> {
    this.#writes += 1;
    if (this.#writes >= this.failAtWrite) throw new Error('the store is gone');
    this.written.push(key);
    this.values.set(key, { value, writtenAt: this.now });
  }

  async putMany(values: readonly StoredValue[]): Promise<void> {
    for (const { key, value } of values) await this.put(key, value);
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      this.values.delete(key);
      this.deleted.push(key);
    }
  }

  /** The same content, none of the history of calls. */
  copy(): MemoryStore {
    const copy = new MemoryStore();
    for (const [key, value] of this.values) copy.values.set(key, value);
    copy.now = this.now;
    return copy;
  }
}
