import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeProgram } from '../../src/program/encode.ts';
import { loadProgram } from '../../src/program/load-program.ts';
import type { ProgramStore } from '../../src/program/program-store.ts';
import { loadSources, publishProgram } from '../../src/program/publish.ts';
import { createCloudflareKvStore, type CloudflareKvOptions } from '../../src/stores/cloudflare-kv.ts';
import { acceptedOf, mappings, programOf } from '../program/program-fixture.ts';
import { ACCOUNT, CloudflareStandIn, NAMESPACE, TOKEN } from './cloudflare-stand-in.ts';

let api: CloudflareStandIn;
let baseUrl: string;

beforeEach(async () => {
  api = new CloudflareStandIn();
  baseUrl = await api.start();
});
afterEach(() => api.stop());

function store(options: Partial<CloudflareKvOptions> = {}): ProgramStore {
  return createCloudflareKvStore({
    accountId: ACCOUNT,
    namespaceId: NAMESPACE,
    apiToken: TOKEN,
    baseUrl,
    backOffMs: 2,
    sameKeyMs: 0,
    ...options,
  });
}

const value = (key: string) => ({ key, value: `value of ${key}` });

describe('Cloudflare KV store', () => {
  it('writes in bulk, with the time as metadata, and reads back', async () => {
    const kv = store();
    const before = Date.now();
    await kv.putMany([value('a'), { key: 'b/ü?#', value: '{"ü":"\\u0000𝄞"}' }]);
    expect(api.requests).toEqual([{ method: 'PUT', path: expect.stringMatching(/\/bulk$/), pairs: 2 }]);
    expect(await kv.get('a')).toBe('value of a');
    expect(await kv.get('b/ü?#')).toBe('{"ü":"\\u0000𝄞"}');
    expect(await kv.get('absent')).toBeNull();
    const [listed] = await kv.list('a');
    expect(Date.parse(listed?.writtenAt ?? '')).toBeGreaterThanOrEqual(before);
    await kv.deleteMany(['a', 'absent']);
    expect(await kv.list('')).toEqual([{ key: 'b/ü?#', writtenAt: listed?.writtenAt }]);
    await kv.putMany([]);
    await kv.deleteMany([]);
  });

  it('lists page by page, and keys without metadata have no age', async () => {
    api.pageSize = 3;
    for (let index = 0; index < 10; index += 1) api.values.set(`shard-${index}`, { value: '', metadata: undefined });
    api.values.set('other', { value: '', metadata: { writtenAt: 7 } });
    expect((await store().list('shard-')).map(({ key }) => key)).toHaveLength(10);
    expect(api.requests).toHaveLength(4);
    expect(await store().list('other')).toEqual([{ key: 'other', writtenAt: null }]);
  });

  it('reads many in few calls and leaves out what is absent', async () => {
    const keys = Array.from({ length: 120 }, (_, index) => `key-${index}`);
    for (const key of keys) api.values.set(key, { value: key, metadata: null });
    const found = await store().getMany?.([...keys, 'absent', '__proto__']);
    expect(found).toEqual(new Map(keys.map((key) => [key, key])));
    expect(api.requests).toHaveLength(3);
  });

  it('stays within the limits of one call', async () => {
    const many = Array.from({ length: 10_001 }, (_, index) => value(`k${index}`));
    await store().putMany(many);
    expect(api.requests.map(({ pairs }) => pairs)).toEqual([10_000, 1]);
    await store().deleteMany(many.map(({ key }) => key));
    expect(api.values.size).toBe(0);
    api.requests.length = 0;
    await store({ maxBulkBytes: 250 }).putMany([
      value('a'),
      value('b'),
      value('c'),
      { key: 'd', value: 'x'.repeat(400) },
    ]);
    expect(api.requests.map(({ pairs }) => pairs)).toEqual([2, 1, 1]);
    expect(api.values.size).toBe(4);
  });

  it('sends keys again that a bulk call left out, and only those', async () => {
    api.unsuccessful.set('b', 2);
    await store().putMany([value('a'), value('b'), value('c')]);
    expect(api.requests.map(({ pairs }) => pairs)).toEqual([3, 1, 1]);
    expect(api.values.get('b')?.value).toBe('value of b');

    api.unsuccessful.set('c', 1);
    await store().deleteMany(['a', 'c']);
    expect([...api.values.keys()]).toEqual(['b']);

    api.unsuccessful.set('stuck', 99);
    await expect(store().putMany([value('stuck'), value('fine')])).rejects.toThrow(
      'did not accept 1 of 2 keys in 5 rounds (stuck)',
    );
  });

  it('waits as Retry-After says, in seconds or as a date', async () => {
    api.troubles.push({ status: 429, headers: { 'retry-after': '1' } });
    const start = performance.now();
    await store().putMany([value('a')]);
    expect(performance.now() - start).toBeGreaterThan(950);
    api.troubles.push({ status: 429, headers: { 'retry-after': new Date(Date.now() - 5000).toUTCString() } });
    await store().putMany([value('b')]);
    expect(api.values.size).toBe(2);
  });

  it('does not wait for ever', async () => {
    api.troubles.push({ status: 429, headers: { 'retry-after': '300' } });
    await expect(store().putMany([value('a')])).rejects.toThrow('try again in 300 s');
    expect(api.requests).toHaveLength(1);
  });

  it('backs off and retries 429, 5xx and broken connections, a bounded number of times', async () => {
    api.troubles.push({ status: 429 }, { status: 500 }, { status: 503, body: '<html>' }, 'drop');
    await store().putMany([value('a')]);
    expect(api.requests).toHaveLength(5);
    expect(api.values.size).toBe(1);
    for (let time = 0; time < 6; time += 1) api.troubles.push({ status: 502 });
    await expect(store().get('a')).rejects.toThrow(/GET .*values\/a\): it answered 502 .*, 6 times/);
    expect(api.troubles).toEqual([]);
  });

  it('says what is wrong with the credentials, and never shows the token', async () => {
    const wrong = store({ apiToken: 'wrong-token' });
    const refusal = wrong.putMany([value('a')]);
    await expect(refusal).rejects.toThrow('CLOUDFLARE_API_TOKEN must be a token with the permission');
    await expect(refusal).rejects.not.toThrow('wrong-token');
    expect(api.requests).toHaveLength(1);
  });

  it('does not take a wrong namespace or account for an empty store', async () => {
    for (const options of [{ namespaceId: 'other' }, { accountId: 'other' }]) {
      const kv = store(options);
      await expect(kv.get('current')).rejects.toThrow('PORTOLAN_KV_NAMESPACE_ID');
      await expect(kv.list('')).rejects.toThrow('PORTOLAN_KV_NAMESPACE_ID');
      await expect(kv.putMany([value('a')])).rejects.toThrow('PORTOLAN_KV_NAMESPACE_ID');
    }
    expect(await store().get('current')).toBeNull();
  });

  it('does not accept an answer that is no envelope, nor follow a redirect', async () => {
    api.troubles.push({ status: 200, body: '<html>captive portal</html>' });
    await expect(store().putMany([value('a')])).rejects.toThrow('it answered 200');
    api.troubles.push({ status: 200, body: '{"success":false,"errors":[{"code":1,"message":"nope"}]}' });
    await expect(store().list('')).rejects.toThrow('1: nope');
    for (let time = 0; time < 2; time += 1)
      api.troubles.push({ status: 302, headers: { location: 'http://127.0.0.1:1/' } });
    await expect(store({ attempts: 2 }).get('a')).rejects.toThrow('could not be reached');
  });

  it('keeps a second between two writes of the pointer', async () => {
    const kv = store({ sameKeyMs: 150 });
    await kv.put('current', '1');
    const start = performance.now();
    await kv.put('history-1', 'x');
    expect(performance.now() - start).toBeLessThan(120);
    await kv.put('current', '2');
    expect(performance.now() - start).toBeGreaterThan(120);
  });

  it('carries a program, through partial failures, in few calls', async () => {
    const facts = mappings(2000);
    const kv = store();
    const encoded = await encodeProgram(programOf(facts));
    const shard = encoded.stages[0]?.[1]?.key ?? '';
    api.unsuccessful.set(shard, 2);
    api.troubles.push({ status: 429 });
    const report = await publishProgram(kv, encoded, { now: new Date().toISOString(), sources: acceptedOf(facts) });
    expect(report.skipped).toBeNull();
    expect(api.requests.length).toBeLessThan(25);
    expect((await loadProgram(kv))?.program).toEqual(programOf(facts));
    expect(await loadSources(kv)).toEqual(acceptedOf(facts));
    api.requests.length = 0;
    const again = await publishProgram(kv, encoded, { now: new Date().toISOString(), sources: acceptedOf(facts) });
    expect(again).toMatchObject({ skipped: 'unchanged', written: [] });
    expect(api.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  });
});
