import {
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { counterKey, type Check, type LimitAnswer, type LimitCall, RESERVATION_MS } from '../../src/limits/calls.ts';
import type { Figures, Limit } from '../../src/limits/limit.ts';
import { openObjects } from '../../src/objects/open-limits.ts';
import { objectName } from '../../src/objects/limit-objects.ts';
import { WRITE_SPACING_MS } from '../../src/objects/rate-limit-object.ts';

const COUNT = 4;
const open = () => openObjects({ RATE_LIMITS: env.RATE_LIMITS, RATE_LIMIT_OBJECTS: String(COUNT) });
const objects = open();

const DAY_MS = 86_400_000;
const TEN_A_MINUTE: Limit = { algorithm: 'token-bucket', rate: 10, periodMs: 60_000, burst: 10 };

function perDay(rate: number): Limit {
  return { algorithm: 'token-bucket', rate, periodMs: DAY_MS, burst: rate };
}
function check(subject: string, limit: Limit, name = 'l'): Check {
  return { key: counterKey(name, subject), limit, cost: 1, onFailure: 'closed', budgetMs: 2_000 };
}
function stubOf({ key }: Check) {
  return env.RATE_LIMITS.get(env.RATE_LIMITS.idFromName(objectName(key, COUNT)));
}
function decide(...calls: readonly LimitCall[]): Promise<readonly LimitAnswer[]> {
  return decideBy(objects, calls);
}
async function decideBy(by: ReturnType<typeof open>, calls: readonly LimitCall[]): Promise<readonly LimitAnswer[]> {
  const waiting: Promise<unknown>[] = [];
  const answers = await by?.client.decide(calls, (work) => waiting.push(work));
  await Promise.all(waiting);
  return answers ?? [];
}
function take(...checks: readonly Check[]): LimitCall {
  return { kind: 'take', checks, slot: crypto.randomUUID() };
}
function figuresOf({ outcomes }: LimitAnswer): readonly Figures[] {
  return outcomes.map((outcome) => {
    if (outcome === null || !('allowed' in outcome)) throw new Error(`undecided: ${JSON.stringify(outcome)}`);
    return outcome;
  });
}
async function takeMany(count: number, ...checks: readonly Check[]): Promise<readonly (readonly Figures[])[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => decide(take(...checks))));
  return answers.flat().map(figuresOf);
}
function passed(answers: readonly (readonly Figures[])[]): number {
  return answers.filter((figures) => figures.every(({ allowed }) => allowed)).length;
}
type Row = { readonly key: string; readonly counter: string; readonly idle_at: number };
function rowsOf(one: Check): Promise<readonly Row[]> {
  return runInDurableObject(stubOf(one), (_, { storage }) => {
    const tables = storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'counters'").toArray();
    return tables.length === 0 ? [] : storage.sql.exec<Row>('SELECT * FROM counters').toArray();
  });
}
const alarmOf = (one: Check) => runInDurableObject(stubOf(one), (_, { storage }) => storage.getAlarm());
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const written = () => sleep(2 * WRITE_SPACING_MS);

afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

describe('one limit', () => {
  it('lets exactly 10 of 15 concurrent requests through at 10 a minute', async () => {
    const answers = await takeMany(15, check('a', TEN_A_MINUTE));
    expect(passed(answers)).toBe(10);
    const refused = answers.flat().filter(({ allowed }) => !allowed);
    expect(refused).toHaveLength(5);
    for (const { remaining, retryAfterMs, resetMs } of refused) {
      expect(remaining).toBe(0);
      expect(retryAfterMs).toBeGreaterThan(5_000);
      expect(retryAfterMs).toBeLessThanOrEqual(6_000);
      expect(resetMs).toBeLessThanOrEqual(60_000);
    }
  });

  it('lets exactly the burst of 1,000 concurrent requests through', async () => {
    expect(passed(await takeMany(1_000, check('b', perDay(100))))).toBe(100);
  });

  it('keeps keys apart, very long ones too', async () => {
    const long = 'k'.repeat(2_000);
    const subjects = ['c', 'd', `${long}1`, `${long}2`];
    const two: Limit = { ...TEN_A_MINUTE, rate: 2, burst: 2 };
    const answers = await Promise.all(subjects.map((subject) => takeMany(3, check(subject, two))));
    expect(answers.map(passed)).toEqual([2, 2, 2, 2]);
  });

  it('costs other calls nothing when one cannot be decided', async () => {
    const slots = check('e', { algorithm: 'concurrency', rate: 1 });
    const one = check('e', TEN_A_MINUTE, 'other');
    // Slots without a name for the request are a mistake of the caller.
    const answers = await decide({ kind: 'take', checks: [slots], slot: null }, take(one));
    expect(answers.map(({ outcomes }) => outcomes[0])).toMatchObject([{ unavailable: 'gone' }, { allowed: true }]);
  });
});

describe('several limits', () => {
  it('are decided in one object when they count one subject', async () => {
    const [small, large] = [check('s', perDay(3), 'small'), check('s', perDay(100), 'large')];
    expect(objectName(small.key, COUNT)).toBe(objectName(large.key, COUNT));
    expect(passed(await takeMany(3, large, small))).toBe(3);
    for (const figures of await takeMany(20, large, small)) {
      expect(figures.map(({ allowed }) => allowed)).toEqual([true, false]);
    }
    const [[after] = []] = await takeMany(1, large);
    // 3 that passed and this one; none of the 20.
    expect(after).toMatchObject({ allowed: true, remaining: 96 });
  });

  it('are exact over several objects, whichever limit is the narrow one', async () => {
    const subjects = ['x', 'y', 'z', 'v', 'w'];
    const checks = subjects.map((subject, at) => check(subject, perDay(at === 2 ? 9 : 12 + at)));
    expect(new Set(checks.map(({ key }) => objectName(key, COUNT))).size).toBeGreaterThan(1);
    // A request that loses at `z` may hold a place elsewhere for a moment, which can refuse another; it
    // never lets more through, and once all is settled the rest is still there.
    const first = passed(await takeMany(50, ...checks));
    expect(first).toBeLessThanOrEqual(9);
    let total = first;
    for (let request = 0; request < 12; request += 1) total += passed(await takeMany(1, ...checks));
    expect(total).toBe(9);
    const left = await decide({ kind: 'show', keys: checks.map(({ key }) => key) });
    const shown = left[0]?.outcomes.map((outcome) =>
      outcome !== null && 'figures' in outcome ? outcome.figures : null,
    );
    expect(shown?.map((figures) => figures?.remaining)).toEqual([3, 4, 0, 6, 7]);
  });

  it('give a place back when nobody settles the reservation', async () => {
    const one = check('lapse', perDay(1));
    const reserve: LimitCall = { kind: 'reserve', checks: [one], id: 'gone' };
    const [first, again, other] = await decide(reserve, reserve, take(one));
    expect([first, again, other].map((answer) => answer && figuresOf(answer)[0]?.allowed)).toEqual([true, true, false]);
    vi.setSystemTime(Date.now() + RESERVATION_MS);
    expect(passed(await takeMany(1, one))).toBe(1);
  });

  it('count a commit whose reservation was lost', async () => {
    const one = check('late', perDay(1));
    await decide({ kind: 'reserve', checks: [one], id: 'late' });
    await evictDurableObject(stubOf(one));
    await decide({ kind: 'commit', checks: [one], id: 'late' });
    expect(passed(await takeMany(1, one))).toBe(0);
  });
});

describe('storage', () => {
  it('still refuses after the object was evicted', async () => {
    const one = check('evicted', TEN_A_MINUTE);
    expect(passed(await takeMany(15, one))).toBe(10);
    await written();
    await evictDurableObject(stubOf(one));
    expect(passed(await takeMany(15, one))).toBe(0);
  });

  it('still refuses after every object was torn down in the moment after a flush', async () => {
    const one = check('aborted', TEN_A_MINUTE);
    const stopping = open();
    for (let request = 0; request < 10; request += 1) await decideBy(stopping, [take(one)]);
    await stopping?.flush();
    await abortAllDurableObjects();
    expect(passed(await takeMany(15, one))).toBe(0);
  });

  it('writes what is decided after a flush before it answers, in objects that were not flushed too', async () => {
    const stopping = open();
    await stopping?.flush();
    const one = check('draining', perDay(100));
    for (let request = 0; request < 10; request += 1) await decideBy(stopping, [take(one)]);
    await abortAllDurableObjects();
    expect(await takeMany(1, one)).toMatchObject([[{ remaining: 89 }]]);
  });

  it('writes what lasts at once when it was quiet, and the rest together a moment later', async () => {
    const ones = Array.from({ length: 40 }, (_, at) => check('many', TEN_A_MINUTE, `l${at}`));
    const [first, ...others] = ones;
    if (first === undefined) throw new Error('none');
    await decide(take(first));
    await sleep(5);
    expect(await rowsOf(first)).toHaveLength(1);
    await decide(...others.map((one) => take(one)));
    expect(await rowsOf(first)).toHaveLength(1);
    await written();
    expect(await rowsOf(first)).toHaveLength(40);
  });

  it('goes on writing when the clock is set back', async () => {
    const one = check('clock', perDay(100));
    vi.setSystemTime(Date.now() + 3_600_000);
    await takeMany(1, one);
    await written();
    const [before] = await rowsOf(one);
    vi.useRealTimers();
    await takeMany(1, one);
    await written();
    const [after] = await rowsOf(one);
    expect(before).toBeDefined();
    expect(after?.counter).not.toBe(before?.counter);
  });

  it('never writes a counter that is full again a moment later', async () => {
    const one = check('light', { algorithm: 'token-bucket', rate: 1_000, periodMs: 1_000, burst: 1_000 });
    await takeMany(1, one);
    await written();
    expect(await rowsOf(one)).toEqual([]);
    expect(await alarmOf(one)).toBeNull();
  });

  it('writes nothing for a refused request', async () => {
    const one = check('quiet', TEN_A_MINUTE);
    await takeMany(10, one);
    await written();
    const before = await rowsOf(one);
    expect(before).toHaveLength(1);
    await takeMany(5, one);
    await written();
    expect(await rowsOf(one)).toEqual(before);
  });

  it('reads what is no longer in memory', async () => {
    const first = check('crowd', TEN_A_MINUTE, 'first');
    await takeMany(10, first);
    // More than memory keeps, all in one object.
    await decide(...Array.from({ length: 5_000 }, (_, at) => take(check('crowd', TEN_A_MINUTE, `l${at}`))));
    expect(passed(await takeMany(1, first))).toBe(0);
    await written();
    expect(passed(await takeMany(1, first))).toBe(0);
  });

  it('forgets a counter that was reset while its row is still there', async () => {
    const one = check('reset', TEN_A_MINUTE);
    await takeMany(10, one);
    await written();
    await decide({ kind: 'reset', keys: [one.key] });
    await decide(...Array.from({ length: 2_500 }, (_, at) => take(check('reset', TEN_A_MINUTE, `l${at}`))));
    expect(passed(await takeMany(1, one))).toBe(1);
  });

  it('is empty again once the alarm finds every counter idle', async () => {
    const one = check('cleanup', { algorithm: 'token-bucket', rate: 20, periodMs: 1_000, burst: 4 });
    await takeMany(4, one);
    await sleep(1.5 * WRITE_SPACING_MS);
    expect(await rowsOf(one)).toHaveLength(1);
    await sleep(250);
    expect(await runDurableObjectAlarm(stubOf(one))).toBe(true);
    expect(await rowsOf(one)).toEqual([]);
    expect(await alarmOf(one)).toBeNull();
    expect(passed(await takeMany(5, one))).toBe(4);
  });

  it('keeps what still says something when the alarm comes early, and sets another', async () => {
    const one = check('busy', TEN_A_MINUTE);
    const brief = check('busy', { algorithm: 'fixed-window', rate: 5, periodMs: 1_000 }, 'brief');
    await takeMany(10, one, check('busy', { algorithm: 'fixed-window', rate: 50, periodMs: 1_000 }, 'brief'));
    await written();
    await sleep(1_000);
    expect(await runDurableObjectAlarm(stubOf(one))).toBe(true);
    expect((await rowsOf(one)).map(({ key }) => key)).toEqual([one.key]);
    expect((await alarmOf(one)) ?? 0).toBeGreaterThan(Date.now() + 25_000);
    expect(passed(await takeMany(3, one))).toBe(0);
    expect(passed(await takeMany(5, brief))).toBeGreaterThan(0);
  });

  it('sets the alarm for the first counter that becomes idle, not for the last', async () => {
    const long = check('alarm', perDay(1));
    await takeMany(1, long);
    await written();
    expect((await alarmOf(long)) ?? 0).toBeGreaterThan(Date.now() + DAY_MS - 60_000);
    await takeMany(1, check('alarm', { ...TEN_A_MINUTE, rate: 1, burst: 1 }, 'short'));
    await written();
    expect((await alarmOf(long)) ?? 0).toBeLessThan(Date.now() + 61_000);
  });

  it('keeps the alarm of its former life when that comes earlier', async () => {
    const short = check('lives', { ...TEN_A_MINUTE, rate: 1, burst: 1 }, 'short');
    await takeMany(1, short);
    await written();
    await evictDurableObject(stubOf(short));
    await takeMany(1, check('lives', perDay(1)));
    await written();
    expect(await rowsOf(short)).toHaveLength(2);
    expect((await alarmOf(short)) ?? 0).toBeLessThan(Date.now() + 61_000);
  });

  it('clears what a former version kept of one key', async () => {
    const stub = env.RATE_LIMITS.get(env.RATE_LIMITS.idFromName('rl/default%2Fm/basic/0/203.0.113.7'));
    await runInDurableObject(stub, async (_, { storage }) => {
      storage.kv.put('state', { gcra: { atMs: 0, debt: 1, rate: 1, periodMs: 1 }, alarmAtMs: 1 });
      await storage.setAlarm(Date.now() + 60_000);
    });
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    const entries = await runInDurableObject(stub, (_, { storage }) => [...storage.kv.list()].length);
    expect(entries).toBe(0);
  });
});
