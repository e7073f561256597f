/**
 * A Workers KV namespace as a program store, over Cloudflare's REST API.
 *
 * Values go in bulk calls and carry the time they were written as metadata, which is how prune knows
 * their age. KV shows a change elsewhere within about a minute; see docs/kv-layout.md.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../diagnostics/errors.ts';
import type { ProgramStore, StoredValue } from '../program/program-store.ts';
import {
  apiErrors,
  CloudflareApi,
  failure,
  resultOf,
  type ApiCall,
  type CloudflareApiOptions,
} from './cloudflare-api.ts';

export type CloudflareKvOptions = CloudflareApiOptions & {
  readonly accountId: string;
  readonly namespaceId: string;
  /** Longest body of one bulk write, in bytes. Default 50 MB; Cloudflare takes 100. */
  readonly maxBulkBytes?: number;
  /** KV takes one write per second and key; how long this store keeps between two. Default 1100. */
  readonly sameKeyMs?: number;
};

/** Cloudflare's limits for one call. */
const MAX_BULK_KEYS = 10_000;
/** Cloudflare takes 100, and answers at most 25 MB. */
const MAX_BULK_READS = 50;
const MAX_LISTED_KEYS = 1000;
const KEY_NOT_FOUND = 10_009;
/** Rounds for keys that a bulk call leaves out. */
const BULK_ROUNDS = 5;
const DEFAULT_MAX_BULK_BYTES = 50_000_000;
const DEFAULT_SAME_KEY_MS = 1100;

export function createCloudflareKvStore(options: CloudflareKvOptions): ProgramStore {
  return new CloudflareKvStore(options);
}

class CloudflareKvStore implements ProgramStore {
  readonly #api: CloudflareApi;
  readonly #namespace: string;
  readonly #maxBulkBytes: number;
  readonly #sameKeyMs: number;
  readonly #backOffMs: number;
  /** When each key written one by one was last written: the pointer is, and may change every second at most. */
  readonly #lastPut = new Map<string, number>();

  constructor({ accountId, namespaceId, maxBulkBytes, sameKeyMs, ...api }: CloudflareKvOptions) {
    this.#api = new CloudflareApi(api);
    this.#namespace = `/accounts/${encodeURIComponent(accountId)}/storage/kv/namespaces/${encodeURIComponent(namespaceId)}`;
    this.#maxBulkBytes = maxBulkBytes ?? DEFAULT_MAX_BULK_BYTES;
    this.#sameKeyMs = sameKeyMs ?? DEFAULT_SAME_KEY_MS;
    this.#backOffMs = api.backOffMs ?? 500;
  }

  async get(key: string): Promise<string | null> {
    const call: ApiCall = { method: 'GET', path: `${this.#namespace}/values/${encodeURIComponent(key)}` };
    const { status, text } = await this.#api.call(call);
    if (status < 300) return text;
    // A wrong account or namespace is a 404 too, and must not look like an empty store.
    if (apiErrors(text).some(({ code }) => code === KEY_NOT_FOUND)) return null;
    throw failure(
      call,
      'there is no such namespace. Check CLOUDFLARE_ACCOUNT_ID and PORTOLAN_KV_NAMESPACE_ID, for keys PORTOLAN_KEYS_NAMESPACE_ID',
    );
  }

  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const some of chunks(keys, MAX_BULK_READS)) {
      const { result } = await this.#ask({ method: 'POST', path: '/bulk/get', body: { keys: some, type: 'text' } });
      const values = member(result, 'values');
      for (const key of some) {
        const value = member(values, key);
        if (typeof value === 'string') found.set(key, value);
      }
    }
    return found;
  }

  async list(prefix: string): Promise<readonly { readonly key: string; readonly writtenAt: string | null }[]> {
    const listed: { key: string; writtenAt: string | null }[] = [];
    let cursor = '';
    do {
      const query = new URLSearchParams({ prefix, limit: String(MAX_LISTED_KEYS), ...(cursor !== '' && { cursor }) });
      const { result, info } = await this.#ask({ method: 'GET', path: `/keys?${query}` });
      for (const entry of Array.isArray(result) ? result : []) {
        const key = member(entry, 'name');
        const writtenAt = member(member(entry, 'metadata'), 'writtenAt');
        if (typeof key === 'string') listed.push({ key, writtenAt: typeof writtenAt === 'string' ? writtenAt : null });
      }
      const next = member(info, 'cursor');
      cursor = typeof next === 'string' ? next : '';
    } while (cursor !== '');
    return listed;
  }

  async put(key: string, value: string): Promise<void> {
    const before = this.#lastPut.get(key);
    const waitMs = before === undefined ? 0 : before + this.#sameKeyMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    await this.putMany([{ key, value }]);
    this.#lastPut.set(key, performance.now());
  }

  async putMany(values: readonly StoredValue[]): Promise<void> {
    const metadata = { writtenAt: new Date().toISOString() };
    const pairs = values.map(({ key, value }) => ({ key, value, metadata }));
    for (const some of this.#bulks(pairs)) {
      await this.#inRounds('PUT', '/bulk', some, ({ key }) => key);
    }
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    for (const some of chunks(keys, MAX_BULK_KEYS)) await this.#inRounds('POST', '/bulk/delete', some, (key) => key);
  }

  /** A bulk call may do a part of its work and name the keys that are left: they are sent again. */
  async #inRounds<Item>(
    method: 'PUT' | 'POST',
    path: string,
    items: readonly Item[],
    keyOf: (item: Item) => string,
  ): Promise<void> {
    let left = items;
    for (let round = 1; left.length > 0; round += 1) {
      const { result } = await this.#ask({ method, path, body: left });
      const failed = new Set(stringsOf(member(result, 'unsuccessful_keys')));
      left = left.filter((item) => failed.has(keyOf(item)));
      if (left.length === 0) return;
      if (round === BULK_ROUNDS) {
        const some = left.slice(0, 3).map(keyOf).join(', ');
        throw new UserError(
          `Cloudflare did not accept ${left.length} of ${items.length} keys in ${BULK_ROUNDS} rounds (${some}); nothing went live, publish again`,
        );
      }
      await sleep(this.#backOffMs * 2 ** (round - 1));
    }
  }

  async #ask({ path, ...call }: ApiCall): Promise<{ result: unknown; info: unknown }> {
    const whole = { ...call, path: this.#namespace + path };
    return resultOf(whole, await this.#api.call(whole));
  }

  /** Few enough pairs and few enough bytes for one call. */
  *#bulks<Pair extends StoredValue>(pairs: readonly Pair[]): Generator<readonly Pair[]> {
    let some: Pair[] = [];
    let bytes = 0;
    for (const pair of pairs) {
      const size = Buffer.byteLength(JSON.stringify(pair)) + 1;
      if (some.length > 0 && (some.length === MAX_BULK_KEYS || bytes + size > this.#maxBulkBytes)) {
        yield some;
        some = [];
        bytes = 0;
      }
      some.push(pair);
      bytes += size;
    }
    if (some.length > 0) yield some;
  }
}

function* chunks<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return Reflect.get(value, name);
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
