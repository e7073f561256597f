import { reset, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { counterKey, type LimitAnswer, type LimitCall } from '../../src/limits/calls.ts';
import { answerOperator } from '../../src/objects/limiter-http.ts';
import { objectName } from '../../src/objects/limit-objects.ts';
import { openObjects } from '../../src/objects/open-limits.ts';

const COUNT = 4;
const open = () => openObjects({ RATE_LIMITS: env.RATE_LIMITS, RATE_LIMIT_OBJECTS: String(COUNT) });
let objects = open();
const LIMIT = { algorithm: 'token-bucket', rate: 10, periodMs: 86_400_000, burst: 10 } as const;
const KEYS = ['a:1', 'a:2', 'a:3'].map((subject) => counterKey('l', subject));

beforeEach(() => {
  objects = open();
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

async function ask(path: string, init: RequestInit = { method: 'POST' }): Promise<Response> {
  if (objects === null) throw new Error('no objects');
  const waiting: Promise<unknown>[] = [];
  const answer = await answerOperator(new Request(`http://limiter${path}`, init), objects, (work) =>
    waiting.push(work),
  );
  await Promise.all(waiting);
  return answer;
}

async function decide(calls: unknown): Promise<readonly LimitAnswer[]> {
  const answer = await ask('/decide', { method: 'POST', body: JSON.stringify(calls) });
  expect(answer.status).toBe(200);
  return answer.json();
}

async function take(key: string): Promise<void> {
  const call: LimitCall = {
    kind: 'take',
    checks: [{ key, limit: LIMIT, cost: 1, onFailure: 'closed', budgetMs: 2_000 }],
    slot: null,
  };
  await objects?.client.decide([call], () => undefined);
}

describe('answerOperator', () => {
  it('shows and resets counters, wherever they live', async () => {
    for (const key of KEYS.slice(0, 2)) await take(key);
    const [shown] = await decide([{ kind: 'show', keys: KEYS }]);
    expect(shown?.outcomes).toMatchObject([
      { limit: LIMIT, figures: { remaining: 9 } },
      { limit: LIMIT, figures: { remaining: 9 } },
      null,
    ]);
    const [, after] = await decide([
      { kind: 'reset', keys: KEYS.slice(0, 1) },
      { kind: 'show', keys: KEYS },
    ]);
    expect(after?.outcomes).toMatchObject([null, { figures: { remaining: 9 } }, null]);
  });

  it.each([
    ['no JSON', '{'],
    ['no list', '{"kind":"show","keys":[]}'],
    ['a call that counts', JSON.stringify([{ kind: 'charge', checks: [] }])],
    ['keys that are none', '[{"kind":"show","keys":[1]}]'],
    ['nothing', '[null]'],
  ])('refuses %s', async (_, body) => {
    const answer = await ask('/decide', { method: 'POST', body });
    expect([answer.status, await answer.text()]).toEqual([400, 'calls are a JSON array of show and reset\n']);
  });

  it('knows nothing else', async () => {
    expect((await ask('/flush', { method: 'GET' })).status).toBe(404);
    expect((await ask('/decide', { method: 'GET' })).status).toBe(404);
    expect((await ask('/')).status).toBe(404);
  });

  it('says when everything is written', async () => {
    expect((await ask('/flush')).status).toBe(204);
  });

  it.each([
    ['takes a row', 'disk I/O error', REFUSE_ROWS],
    ['ends a transaction', 'FOREIGN KEY', REFUSE_COMMITS],
  ])('says that something is not written where no disk %s', async (_, reason, statements) => {
    // Nothing is written before it is asked for.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    for (const key of KEYS) await take(key);
    await breakDisk(KEYS[0] ?? '', statements);
    for (const key of KEYS) await take(key);
    const answer = await ask('/flush');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([500, 'application/problem+json']);
    expect(await answer.json()).toEqual({
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      code: 'counters-not-written',
      detail: expect.stringMatching(`^1 object could not write: limits-4-\\d: .*${reason}`),
    });
  });
});

const REFUSE_ROWS = [
  "CREATE TRIGGER refuse BEFORE INSERT ON counters BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END",
];
/** What a transaction leaves wrong is found at its end. */
const REFUSE_COMMITS = [
  'CREATE TABLE parents (id INTEGER PRIMARY KEY)',
  'CREATE TABLE children (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)',
  'CREATE TRIGGER refuse AFTER INSERT ON counters BEGIN INSERT INTO children VALUES (1); END',
];

function breakDisk(key: string, statements: readonly string[]): Promise<void> {
  const stub = env.RATE_LIMITS.get(env.RATE_LIMITS.idFromName(objectName(key, COUNT)));
  return runInDurableObject(stub, (object, { storage }) => {
    expect(object.flush()).toBeNull();
    for (const statement of statements) storage.sql.exec(statement);
  });
}
