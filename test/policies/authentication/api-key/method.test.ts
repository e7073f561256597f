import { beforeEach, describe, expect, it } from 'vitest';
import { generateApiKey } from '../../../../src/keys/api-key.ts';
import { apiKeyName, importPepper } from '../../../../src/keys/key-names.ts';
import { createKey, findKey, revokeKey } from '../../../../src/keys/manage-keys.ts';
import { encodeSecretKeyRecord, recordsOfSecret } from '../../../../src/keys/secret-set.ts';
import { apiKeyMethod } from '../../../../src/policies/authentication/api-key/method.ts';
import { applyEdits } from '../../../../src/policies/authentication/apply-edits.ts';
import type { AuthMethod } from '../../../../src/policies/authentication/method.ts';
import { factsOf } from '../../chain.ts';
import { KeyStand, lowerMethod, START, summary } from '../key-fixture.ts';

let stand: KeyStand;
beforeEach(() => (stand = new KeyStand()));

const fields = {
  consumer: 'alice',
  plan: 'gold',
  env: 'live' as const,
  lifetimeMs: null,
  metadata: { scopes: ['read'] },
};
const showing = (key: string) => ({ headers: { 'x-api-key': key } });

async function revoke(id: string): Promise<void> {
  const stored = await findKey(stand.store, id);
  if (stored !== null) await revokeKey(stand.store, stored, stand.nowMs);
}

describe('a good key', () => {
  it('names its consumer and does not go on', async () => {
    const { key } = await createKey(stand.store, fields, START);
    const verdict = await stand.ask(stand.method('api-key'), factsOf(showing(key)));
    expect(verdict).toEqual({
      kind: 'allow',
      consumer: {
        id: 'alice',
        kind: 'api-key',
        issuer: null,
        plan: 'gold',
        scopes: ['read'],
        claims: { scopes: ['read'] },
      },
      edits: [{ name: 'x-api-key', value: null, credential: true }],
    });
  });

  it('is taken away without leading to another route', () => {
    const headers = new Headers({ 'x-api-key': 'k', 'x-plan': 'gold' });
    const edit = { name: 'x-api-key', value: null, credential: true } as const;
    expect(applyEdits([edit], headers)).toBe(false);
    expect([...headers.keys()]).toEqual(['x-plan']);
    expect(applyEdits([edit, { name: 'x-plan', value: null }], headers)).toBe(true);
  });

  it('is decided without waiting once it is known', async () => {
    const { key } = await createKey(stand.store, fields, START);
    const method = stand.method('api-key');
    await stand.check(method, showing(key));
    const ask = () =>
      method.check({
        facts: factsOf(showing(key)),
        body: { peek: () => Promise.reject(new Error('no body')) },
        waitUntil: () => undefined,
        routeId: 'r',
        scopes: [],
      });
    expect(ask()).not.toBeInstanceOf(Promise);
    expect(stand.reads).toHaveLength(1);
  });

  it.each([
    ['in another header', { header: 'X-Token' }, (key: string) => ({ headers: { 'x-token': key } }), ['x-token']],
    ['by scheme', {}, (key: string) => ({ headers: { authorization: `apikey  ${key}` } }), ['authorization']],
    ['in the query', { query: 'k' }, (key: string) => ({ query: `a=1&k=${key}` }), []],
    ['forwarded', { forward: true }, showing, []],
  ])('is found %s', async (_, options, request, stripped) => {
    const { key } = await createKey(stand.store, fields, START);
    const verdict = await stand.ask(stand.method('api-key', options), factsOf(request(key)));
    expect(summary(verdict)).toBe('allow alice');
    if (!('edits' in verdict)) throw new Error('denied');
    expect(verdict.edits).toEqual(stripped.map((name) => ({ name, value: null, credential: true })));
    if ('query' in options) expect(verdict).toMatchObject({ query: 'a=1' });
    else expect('query' in verdict).toBe(false);
  });

  it('needs the scopes that are asked for', async () => {
    const { key } = await createKey(stand.store, fields, START);
    const method = stand.method('api-key');
    expect(await stand.check(method, showing(key), ['read'])).toBe('allow alice');
    const verdict = await stand.ask(method, factsOf(showing(key)), ['read', 'write']);
    expect(summary(verdict)).toBe('403 insufficient-scope');
    expect(verdict).toMatchObject({
      challenge: 'ApiKey realm="api", error="insufficient_scope", scope="read write"',
    });
  });
});

describe('what is refused', () => {
  it('has one answer, and costs at most one read, none when it cannot be a key', async () => {
    const method = stand.method('api-key');
    const expired = await createKey(stand.store, { ...fields, lifetimeMs: 1_000 }, START - 2_000);
    const revoked = await createKey(stand.store, fields, START);
    await revoke(revoked.record.id);
    const otherEnvironment = await createKey(stand.store, { ...fields, env: 'test' }, START);
    const unreadable = generateApiKey('live');
    await stand.store.put(await apiKeyName(unreadable), '{"v":2}');
    const good = await createKey(stand.store, fields, START);
    const cases: readonly (readonly [string, string, number])[] = [
      ['unknown', generateApiKey('live'), 1],
      ['expired', expired.key, 1],
      ['revoked', revoked.key, 1],
      ['unreadable', unreadable, 1],
      ['another environment', otherEnvironment.key, 0],
      ['empty', '', 0],
      ['mistyped', `${good.key.slice(0, -1)}${good.key.endsWith('a') ? 'b' : 'a'}`, 0],
      ['twice in one header', `${good.key}, ${good.key}`, 0],
      ['a digest', (await apiKeyName(good.key)).slice(7), 0],
      ['an id', good.record.id, 0],
    ];
    const answers = new Set<string>();
    for (const [what, key, reads] of cases) {
      stand.reads.length = 0;
      const verdict = await stand.ask(method, factsOf(showing(key)));
      expect([what, summary(verdict), stand.reads.length]).toEqual([what, '401 api-key-invalid', reads]);
      if (!('answer' in verdict) || verdict.answer instanceof Response) throw new Error('no denial');
      const { status, code, message, options } = verdict.answer;
      answers.add(JSON.stringify({ status, code, message, options, challenge: verdict.challenge }));
    }
    expect(answers.size).toBe(1);
    expect(JSON.stringify(stand.log)).not.toContain(unreadable);
  });

  it('is missing only when nothing at all was shown', async () => {
    const method = stand.method('api-key', { query: 'k' });
    expect(await stand.check(method, {})).toBe('401 credentials-missing missing');
    for (const headers of [{ authorization: 'Bearer x' }, { cookie: `x-api-key=${generateApiKey('live')}` }])
      expect(await stand.check(method, { headers })).toBe('401 credentials-missing missing');
    expect(await stand.check(stand.method('api-key'), { query: `k=${generateApiKey('live')}` })).toContain('missing');
    for (const request of [showing(''), { headers: { authorization: 'ApiKey' } }, { query: 'k' }, { query: '%6b=' }])
      expect(await stand.check(method, request)).toBe('401 api-key-invalid');
    expect(stand.reads).toEqual([]);
  });

  it('is more than one key, or one too large', async () => {
    const { key } = await createKey(stand.store, fields, START);
    const method = stand.method('api-key', { query: 'k' });
    for (const request of [
      { headers: { 'x-api-key': key, authorization: `ApiKey ${key}` } },
      { headers: { 'x-api-key': key }, query: `k=${key}` },
      { query: `k=${key}&%6B=${key}` },
    ])
      expect(await stand.check(method, request)).toBe('400 credentials-multiple');
    expect(await stand.check(method, showing('x'.repeat(1_025)))).toBe('431 credential-too-large');
    expect(stand.reads).toEqual([]);
  });
});

describe('what is remembered', () => {
  let method: AuthMethod;
  beforeEach(() => (method = stand.method('api-key')));

  it('a good key for 30 s, renewed beside requests from 20 s on', async () => {
    const { key, record } = await createKey(stand.store, fields, START);
    expect(await stand.check(method, showing(key))).toBe('allow alice');
    await revoke(record.id);
    stand.nowMs = START + 19_999;
    expect(await stand.check(method, showing(key))).toBe('allow alice');
    expect(stand.reads).toHaveLength(1);
    stand.nowMs = START + 20_000;
    expect(await stand.check(method, showing(key))).toBe('allow alice');
    await Promise.all(stand.background);
    expect(await stand.check(method, showing(key))).toBe('401 api-key-invalid');
    expect(stand.reads).toHaveLength(2);
  });

  it('a revoked key that nobody used meanwhile stops at its next request after 30 s', async () => {
    const { key, record } = await createKey(stand.store, fields, START);
    await stand.check(method, showing(key));
    await revoke(record.id);
    stand.nowMs = START + 30_000;
    expect(await stand.check(method, showing(key))).toBe('401 api-key-invalid');
  });

  it('its expiry to the millisecond, whatever is remembered', async () => {
    const { key } = await createKey(stand.store, { ...fields, lifetimeMs: 5_000 }, START);
    expect(await stand.check(method, showing(key))).toBe('allow alice');
    stand.nowMs = START + 4_999;
    expect(await stand.check(method, showing(key))).toBe('allow alice');
    stand.nowMs = START + 5_000;
    expect(await stand.check(method, showing(key))).toBe('401 api-key-invalid');
    expect(stand.reads).toHaveLength(1);
  });

  it('an unknown key for 10 s', async () => {
    const key = generateApiKey('live');
    for (let count = 0; count < 100; count += 1) await stand.check(method, showing(key));
    expect(stand.reads).toHaveLength(1);
    stand.nowMs += 10_000;
    await stand.check(method, showing(key));
    expect(stand.reads).toHaveLength(2);
  });

  it('no good key less for 20,000 invented ones', async () => {
    const { key } = await createKey(stand.store, fields, START);
    await stand.check(method, showing(key));
    for (let count = 0; count < 20_000; count += 1) await stand.check(method, showing(generateApiKey('live')));
    stand.reads.length = 0;
    expect(await stand.check(method, showing(key))).toBe('allow alice');
    expect(stand.reads).toEqual([]);
  });

  it('for all routes of a process, and 100 requests at once share one read', async () => {
    const { key } = await createKey(stand.store, fields, START);
    const other = stand.method('api-key', { realm: 'other' });
    const verdicts = await Promise.all(
      Array.from({ length: 100 }, (_, index) => stand.check(index % 2 === 0 ? method : other, showing(key))),
    );
    expect(new Set(verdicts)).toEqual(new Set(['allow alice']));
    expect(stand.reads).toHaveLength(1);
  });

  it('while KEYS is away a good key for 60 s; what is not known is 503, never 401', async () => {
    const { key } = await createKey(stand.store, fields, START);
    await stand.check(method, showing(key));
    stand.away = true;
    stand.nowMs = START + 59_999;
    expect(await stand.check(method, showing(key))).toBe('allow alice');
    expect(await stand.check(method, showing(generateApiKey('live')))).toBe('throws 503 keys-unavailable');
    stand.nowMs = START + 60_000;
    expect(await stand.check(method, showing(key))).toBe('throws 503 keys-unavailable');
    expect(await stand.check(method, showing('no key'))).toBe('401 api-key-invalid');
    stand.away = false;
    expect(await stand.check(method, showing(key))).toBe('allow alice');
    expect(stand.log.map(({ event }) => event)).toEqual(['keys-unavailable']);
    expect(JSON.stringify(stand.log)).not.toContain(key);
  });

  it('nothing from a time that has not come: a clock that is set back', async () => {
    const { key, record } = await createKey(stand.store, fields, START);
    await stand.check(method, showing(key));
    await revoke(record.id);
    stand.nowMs = START - 3_600_000;
    expect(await stand.check(method, showing(key))).toBe('401 api-key-invalid');
    expect(await stand.check(method, showing(key))).toBe('401 api-key-invalid');
    expect(stand.reads).toHaveLength(2);
  });
});

describe('keys of Secrets', () => {
  const PEPPER = 'p'.repeat(43);
  const options = { kind: 'secret-set', sets: ['shop/keys'], forward: true };

  async function write(namespace: string, name: string, entries: Record<string, string>): Promise<void> {
    const data = Object.fromEntries(Object.entries(entries).map(([entry, value]) => [entry, btoa(value)]));
    const { records } = await recordsOfSecret({ namespace, name, data }, await importPepper(PEPPER));
    for (const [key, record] of records) await stand.store.put(key, encodeSecretKeyRecord(record));
  }

  it('are accepted on routes that name their Secret, and there only', async () => {
    stand.secrets = { KEY_PEPPER: PEPPER };
    await write('shop', 'keys', { alice: 'alice-key' });
    await write('shop', 'others', { bob: 'bob-key' });
    const method = stand.method('api-key', options);
    const verdict = await stand.ask(method, factsOf(showing('alice-key')));
    expect(verdict).toMatchObject({ kind: 'allow', consumer: { id: 'shop/keys/alice', kind: 'api-key' }, edits: [] });
    for (const key of ['bob-key', 'alice-key ', 'Alice-key', '', generateApiKey('live')])
      expect(await stand.check(method, { headers: { 'x-api-key': key } })).toBe(
        key === 'alice-key ' ? 'allow shop/keys/alice' : '401 api-key-invalid',
      );
    expect(await stand.check(method, { headers: { authorization: 'ApiKey alice-key' } })).toContain('missing');
  });

  it('are not accepted any more when their Secret lost them', async () => {
    stand.secrets = { KEY_PEPPER: PEPPER };
    await write('shop', 'keys', { alice: 'alice-key' });
    for (const name of stand.store.values.keys())
      await stand.store.put(name, encodeSecretKeyRecord({ v: 1, places: [] }));
    expect(await stand.check(stand.method('api-key', options), showing('alice-key'))).toBe('401 api-key-invalid');
  });

  it('cannot be judged without the pepper', async () => {
    expect(await stand.check(stand.method('api-key', options), showing('alice-key'))).toBe(
      'throws 503 keys-unavailable',
    );
    stand.secrets = { KEY_PEPPER: 'short' };
    expect(await stand.check(stand.method('api-key', options), showing('other'))).toBe('throws 503 keys-unavailable');
    expect(stand.reads).toEqual([]);
  });
});

describe('options', () => {
  it('have defaults', () => {
    expect(lowerMethod('api-key', {})).toEqual({
      config: { kind: 'issued', header: 'x-api-key', realm: 'api', environments: ['live'] },
      findings: [],
    });
    expect(lowerMethod('api-key', { kind: 'secret-set', sets: ['b/b', 'a/a', 'a/a'] }).config).toEqual({
      kind: 'secret-set',
      header: 'x-api-key',
      realm: 'api',
      sets: ['a/a', 'b/b'],
    });
  });

  it.each([
    [{ header: 'Cookie' }, 'header'],
    [{ header: 'authorization' }, 'header'],
    [{ header: 'a b' }, 'header'],
    [{ realm: 'a"b' }, 'realm'],
    [{ environments: [] }, 'environments'],
    [{ environments: ['prod'] }, 'environments'],
    [{ query: 'a&b' }, 'query'],
    [{ headr: 'x' }, 'headr'],
    [{ kind: 'secret-set', sets: [] }, 'sets'],
    [{ kind: 'secret-set', sets: ['Shop/Keys'] }, 'sets'],
    [{ kind: 'secret-set', sets: ['a/b'], query: 'x' }, 'query'],
  ])('%j are refused where they are wrong', (options, where) => {
    const { config, findings } = lowerMethod('api-key', options);
    expect(config).toBeNull();
    expect(findings).not.toEqual([]);
    for (const { severity, code, path } of findings) {
      expect([severity, code]).toEqual(['error', 'policy-options-invalid']);
      expect(path).toContain(`auth.${where}`);
    }
  });

  it('of another version are not understood', () => {
    const issued = { kind: 'issued', header: 'a', realm: 'b', environments: ['live'] };
    expect(() => apiKeyMethod.create(issued, stand.runtime)).not.toThrow();
    for (const config of [
      null,
      {},
      { ...issued, kind: 'x' },
      { ...issued, environments: [] },
      { ...issued, later: true },
      { ...issued, kind: 'secret-set' },
    ])
      expect(() => apiKeyMethod.create(config, stand.runtime)).toThrow('not one this version understands');
  });
});
