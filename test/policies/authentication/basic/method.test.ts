import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findUser, putUser, revokeUser } from '../../../../src/keys/manage-users.ts';
import { basicUserName } from '../../../../src/keys/key-names.ts';
import { parseCredentials } from '../../../../src/policies/authentication/basic/credentials.ts';
import { BURST, INTERVAL_MS, LONGEST_WAIT_MS, Pace } from '../../../../src/policies/authentication/basic/pace.ts';
import type { AuthMethod } from '../../../../src/policies/authentication/method.ts';
import { factsOf } from '../../chain.ts';
import { KeyStand, lowerMethod, START, summary } from '../key-fixture.ts';

const header = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const as = (user: string, password: string) => ({ headers: { authorization: header(`${user}:${password}`) } });

describe('credentials', () => {
  it('are what was encoded', () => {
    const texts = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
      .filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text));
    fc.assert(
      fc.property(texts, texts, (name, password) => {
        fc.pre(!name.includes(':'));
        const user = name.normalize('NFC');
        expect(parseCredentials(header(`${name}:${password}`))).toMatchObject({ kind: 'given', user, password });
      }),
    );
  });

  it.each([
    [null, 'none'],
    ['Bearer x', 'none'],
    ['Basically x', 'none'],
    ['', 'none'],
    ['Basic', 'malformed'],
    ['Basic ', 'malformed'],
    ['basic !!!!', 'malformed'],
    ['Basic Ym9iOmh1bnRlcjI', 'malformed'],
    ['Basic Ym9iOmh1bnRlcjI= ', 'malformed'],
    ['Basic Ym9iOmh1bnRlcjI=, Basic Ym9iOmh1bnRlcjI=', 'malformed'],
    [header('bob'), 'malformed'],
    [header(':hunter2'), 'malformed'],
    [header('bob:'), 'malformed'],
    [header('bob:hun\u0000ter'), 'malformed'],
    [header('bo\nb:x'), 'malformed'],
    [header(`bob:${'x'.repeat(1_025)}`), 'malformed'],
    [`Basic ${Buffer.from([0x62, 0x3a, 0xff]).toString('base64')}`, 'malformed'],
    [`Basic ${'A'.repeat(4_096)}`, 'too-large'],
    ['BASIC   Ym9iOmh1bnRlcjI=', 'given'],
    [header('bob:a:b'), 'given'],
  ])('of %.40j are %s', (authorization, kind) => expect(parseCredentials(authorization).kind).toBe(kind));
});

describe('basic', () => {
  let stand: KeyStand;
  let method: AuthMethod;
  const user = {
    user: 'bob',
    consumer: 'bob-inc',
    plan: 'gold',
    createdAt: new Date(START).toISOString(),
    metadata: {},
  };
  let derivations = 0;
  beforeEach(async () => {
    stand = new KeyStand();
    method = stand.method('basic', { realm: 'shop' });
    await putUser(stand.store, { ...user, expiresAt: null }, 'hunter2');
    derivations = 0;
    const derive = crypto.subtle.deriveBits.bind(crypto.subtle);
    vi.spyOn(crypto.subtle, 'deriveBits').mockImplementation((...parameters: Parameters<typeof derive>) => {
      derivations += 1;
      return derive(...parameters);
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it('names the consumer, and the password does not go on', async () => {
    expect(await stand.ask(method, factsOf(as('bob', 'hunter2')))).toEqual({
      kind: 'allow',
      consumer: { id: 'bob-inc', kind: 'basic', issuer: null, plan: 'gold', scopes: [], claims: {} },
      edits: [{ name: 'authorization', value: null, credential: true }],
    });
    const forwarding = stand.method('basic', { forward: true });
    expect(await stand.ask(forwarding, factsOf(as('bob', 'hunter2')))).toMatchObject({ kind: 'allow', edits: [] });
  });

  it('has one answer and one cost for an unknown user, a wrong password, a revoked and an expired user', async () => {
    await putUser(stand.store, { ...user, user: 'old', expiresAt: new Date(START).toISOString() }, 'hunter2');
    await putUser(stand.store, { ...user, user: 'gone', expiresAt: null }, 'hunter2');
    const gone = await findUser(stand.store, 'gone');
    if (gone !== null) await revokeUser(stand.store, gone, START);
    await stand.store.put(await basicUserName('broken'), '{}');
    // Of another user, under this one's name.
    await stand.store.put(
      await basicUserName('moved'),
      stand.store.values.get(await basicUserName('bob'))?.value ?? '',
    );
    derivations = 0;
    const answers = new Set<string>();
    const cases = [
      ['eve', 'hunter2'],
      ['bob', 'hunter3'],
      ['old', 'hunter2'],
      ['gone', 'hunter2'],
      ['broken', 'x'],
      ['moved', 'hunter2'],
    ] as const;
    for (const [name, password] of cases) {
      stand.reads.length = 0;
      derivations = 0;
      const verdict = await stand.ask(method, factsOf(as(name, password)));
      expect([name, summary(verdict), stand.reads.length, derivations]).toEqual([name, '401 basic-invalid', 1, 1]);
      if (!('answer' in verdict) || verdict.answer instanceof Response) throw new Error('no denial');
      const { status, code, message, options } = verdict.answer;
      answers.add(JSON.stringify({ status, code, message, options, challenge: verdict.challenge }));
    }
    expect([...answers]).toHaveLength(1);
    expect([...answers][0]).toContain('Basic realm=\\"shop\\", charset=\\"UTF-8\\"');
    expect(JSON.stringify(stand.log)).not.toMatch(/hunter|bob|"eve"/);
  });

  it('is missing without the scheme, and costs nothing when it is malformed', async () => {
    expect(await stand.check(method, {})).toBe('401 credentials-missing missing');
    expect(await stand.check(method, { headers: { authorization: 'Bearer x' } })).toBe(
      '401 credentials-missing missing',
    );
    expect(await stand.check(method, { headers: { authorization: 'Basic x' } })).toBe('401 basic-invalid');
    expect(await stand.check(method, { headers: { authorization: `Basic ${'x'.repeat(5_000)}` } })).toBe(
      '431 credential-too-large',
    );
    expect([stand.reads.length, derivations]).toEqual([0, 0]);
  });

  it('remembers a right password for 60 s, through an outage and a revocation, but not beyond', async () => {
    await stand.check(method, as('bob', 'hunter2'));
    const bob = await findUser(stand.store, 'bob');
    if (bob !== null) await revokeUser(stand.store, bob, START);
    stand.away = true;
    stand.nowMs = START + 59_999;
    expect(await stand.check(method, as('bob', 'hunter2'))).toBe('allow bob-inc');
    expect(derivations).toBe(1);
    stand.nowMs = START + 60_000;
    expect(await stand.check(method, as('bob', 'hunter2'))).toBe('throws 503 keys-unavailable');
    stand.away = false;
    expect(await stand.check(method, as('bob', 'hunter2'))).toBe('401 basic-invalid');
  });

  it('hashes the same credentials once, however many requests show them', async () => {
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => stand.check(method, as('bob', 'wrong'))));
    expect(new Set(verdicts)).toEqual(new Set(['401 basic-invalid']));
    await stand.check(method, as('bob', 'wrong'));
    expect([stand.reads.length, derivations]).toEqual([1, 1]);
    stand.nowMs += 10_000;
    await stand.check(method, as('bob', 'wrong'));
    expect(derivations).toBe(2);
  });

  it('hashes no more than its pace under a flood, and lets known users pass beside it', async () => {
    await stand.check(method, as('bob', 'hunter2'));
    stand.nowMs += 10_000;
    derivations = 0;
    const waits: number[] = [];
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((act: () => void, ms: number) => {
      if (ms <= LONGEST_WAIT_MS) waits.push(ms);
      if (ms <= LONGEST_WAIT_MS) queueMicrotask(act);
      return 0;
    }) as typeof setTimeout);
    const flood = Array.from({ length: 200 }, (_, index) => stand.check(method, as(`user${index}`, 'x')));
    expect(await stand.check(method, as('bob', 'hunter2'))).toBe('allow bob-inc');
    const verdicts = await Promise.all(flood);
    const most = BURST + LONGEST_WAIT_MS / INTERVAL_MS;
    expect(derivations).toBe(most);
    expect(verdicts.filter((verdict) => verdict === '401 basic-invalid')).toHaveLength(most);
    expect(verdicts.filter((verdict) => verdict === 'throws 503 basic-busy')).toHaveLength(200 - most);
    expect(Math.max(...waits)).toBe(LONGEST_WAIT_MS);
  });
});

describe('pace', () => {
  it('lets at most a burst and one per interval begin, in whatever order they come', () => {
    const gaps = fc.array(fc.nat(300), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(gaps, (list) => {
        const pace = new Pace();
        const starts: number[] = [];
        let now = 1_000;
        for (const gap of list) {
          now += gap;
          const waitMs = pace.admit(now);
          if (waitMs === null) continue;
          expect(waitMs).toBeLessThanOrEqual(LONGEST_WAIT_MS);
          starts.push(now + waitMs);
        }
        for (const [index, start] of starts.entries()) {
          const before = starts[index - BURST];
          if (before !== undefined) expect(start - before).toBeGreaterThanOrEqual(INTERVAL_MS);
        }
      }),
    );
  });

  it('is not held up by a clock that is set back', () => {
    const pace = new Pace();
    for (let count = 0; count < 50; count += 1) pace.admit(10_000_000);
    expect(pace.admit(5_000)).toBe(0);
  });
});

it('options of basic are checked', () => {
  expect(lowerMethod('basic', {})).toEqual({ config: { realm: 'api' }, findings: [] });
  expect(lowerMethod('basic', { relm: 'x' }).findings[0]?.hint).toContain('realm');
  expect(lowerMethod('basic', { realm: '' }).config).toBeNull();
});
