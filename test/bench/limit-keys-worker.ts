/** The objects of rate limits by themselves, for measuring: no gateway in front, and their tables can be looked into. */
import { counterKey, type Check, type LimitCall } from '../../src/limits/calls.ts';
import type { Limit } from '../../src/limits/limit.ts';
import { objectName } from '../../src/objects/limit-objects.ts';
import { RateLimitObject } from '../../src/objects/rate-limit-object.ts';

type Env = { readonly LIMITS: DurableObjectNamespace<OpenObject> };

export class OpenObject extends RateLimitObject {
  rows(): number {
    const { sql } = this.ctx.storage;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'counters'").toArray().length === 0) return 0;
    return sql.exec<{ count: number }>('SELECT COUNT(*) AS count FROM counters').one().count;
  }
}

const TEN_SECONDS: Limit = { algorithm: 'fixed-window', rate: 5, periodMs: 10_000 };
/** Never refuses and is worth writing: what a busy counter costs. */
const BUSY: Limit = { algorithm: 'token-bucket', rate: 1_000_000, periodMs: 86_400_000, burst: 1_000_000 };

function check(subject: string, limit: Limit): Check {
  return { key: counterKey('bench', subject), limit, cost: 1, onFailure: 'open', budgetMs: 2_000 };
}

/** 0 objects: one for each key. */
function homeOf({ key }: Check, objects: number): string {
  return objects === 0 ? `limits-each-${key}` : objectName(key, objects);
}

async function takeMany(env: Env, from: number, count: number, objects: number): Promise<number> {
  const calls = new Map<string, LimitCall[]>();
  for (let index = from; index < from + count; index += 1) {
    const one = check(`a:${index}`, TEN_SECONDS);
    const home = homeOf(one, objects);
    const list = calls.get(home) ?? [];
    calls.set(home, list);
    list.push({ kind: 'take', checks: [one], slot: null });
  }
  const answers = await Promise.all([...calls].map(([home, list]) => env.LIMITS.getByName(home).decide(list)));
  return answers
    .flat()
    .filter(
      ({ outcomes: [outcome] }) => outcome !== null && outcome !== undefined && 'allowed' in outcome && outcome.allowed,
    ).length;
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const number = (name: string): number => Number(searchParams.get(name));
    const objects = number('objects');
    if (pathname === '/many') return Response.json(await takeMany(env, number('from'), number('count'), objects));
    if (pathname === '/one') {
      const one = check(`a:${number('key')}`, BUSY);
      await env.LIMITS.getByName(homeOf(one, objects)).decide([{ kind: 'take', checks: [one], slot: null }]);
      return new Response('ok');
    }
    if (pathname === '/collect') {
      // With `--expose-gc`: what nobody holds any more is no memory of the counters.
      const collect: unknown = Reflect.get(globalThis, 'gc');
      if (typeof collect !== 'function') return new Response('no gc', { status: 500 });
      collect();
      return Response.json(0);
    }
    if (pathname !== '/rows') return new Response(null, { status: 404 });
    const homes = Array.from({ length: objects }, (_, at) => `limits-${objects}-${at}`);
    const rows = await Promise.all(homes.map((home) => env.LIMITS.getByName(home).rows()));
    return Response.json(rows.reduce((sum, count) => sum + count, 0));
  },
} satisfies ExportedHandler<Env>;
