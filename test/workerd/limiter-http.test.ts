import { reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it } from 'vitest';
import { counterKey, type LimitAnswer, type LimitCall } from '../../src/limits/calls.ts';
import { answerOperator } from '../../src/objects/limiter-http.ts';
import { openObjects } from '../../src/objects/open-limits.ts';

const objects = openObjects({ RATE_LIMITS: env.RATE_LIMITS, RATE_LIMIT_OBJECTS: '4' });
const LIMIT = { algorithm: 'token-bucket', rate: 10, periodMs: 86_400_000, burst: 10 } as const;
const KEYS = ['a:1', 'a:2', 'a:3'].map((subject) => counterKey('l', subject));

afterEach(() => reset());

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
});
