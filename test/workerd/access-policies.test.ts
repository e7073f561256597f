/** `authorize`, `ip` and `geo` where they run: workerd has a stack of its own size and no Buffer. */
import { describe, expect, it } from 'vitest';
import { REQUEST_BUDGET } from '../../src/policies/authorize/cost.ts';
import { createExpressions } from '../../src/policies/authorize/expressions.ts';
import { FactsView } from '../../src/policies/authorize/facts-view.ts';
import { factsOf, runChain, runtimeOf } from '../policies/chain.ts';
import { consumerOf } from '../policies/authorize/consumers.ts';
import { lowered } from '../policies/lowering.ts';

const NOW_MS = Date.UTC(2026, 0, 31, 8, 30);
const alice = consumerOf({ scopes: ['orders:read'], claims: { role: 'admin', level: 3, groups: ['ops'] } });

async function statusOf(name: string, options: unknown, request: Parameters<typeof factsOf>[0], platform = {}) {
  const policies = [{ name, config: lowered(name, options, platform) }];
  const runtime = runtimeOf({ now: () => NOW_MS });
  return (await runChain({ policies, runtime, consumer: alice }, factsOf(request))).status;
}
const allow = (when: string) => ({ rules: [{ name: 'r', effect: 'allow', when }] });

describe('authorize', () => {
  it.each([
    ['request.method == "GET" && request.query.a == "ü"', 200],
    ['request.headers["x-team"].split(",").exists(team, team == "b")', 200],
    ['request.path.matches("^/v[0-9]+/") && request.path.matches("(a|b)*c")', 200],
    ['claims.role == "admin" && claims.level >= 3 && "ops" in claims.groups', 200],
    ['inCidr(address, "2001:db8::/32")', 200],
    ['now.getHours() == 8 && now < timestamp("2026-02-01T00:00:00Z") && now - duration("1h") < now', 200],
    ['b"\\xff" == b"\\xff" && size(request.path) == 7', 200],
    ['claims.role == "user"', 403],
    ['claims.tenant == "t"', 403],
  ])('%s: %i', async (when, status) => {
    const request = {
      path: '/v2/abc',
      query: 'a=%C3%BC',
      headers: { 'x-team': 'a,b' },
      clientIp: '2001:db8::7',
    };
    expect(await statusOf('authorize', allow(when), request)).toBe(status);
  });

  it('has the stack for the deepest expressions that are accepted', async () => {
    const wide = Array.from({ length: 118 }, () => 'request.method == "PUT"');
    expect(await statusOf('authorize', allow(`${wide.join(' || ')} || true`), {})).toBe(200);
    const nested = `${'('.repeat(20)}true${')'.repeat(20)}`;
    expect(await statusOf('authorize', allow(nested), {})).toBe(200);
    expect(await statusOf('authorize', allow(`${'!'.repeat(590)}true`), {})).toBe(200);
    expect(() => lowered('authorize', allow(`${'!'.repeat(4_000)}true`))).toThrow(/nested|maxAstNodes/);
  });

  it('counts what an evaluation costs', () => {
    const expressions = createExpressions({
      find: () => {
        throw new Error('no pattern here');
      },
      test: () => false,
    });
    const scopes = Array.from({ length: 900 }, (_, index) => `s${index}`);
    const view = new FactsView(factsOf(), consumerOf({ scopes }), 0);
    const budget = { left: REQUEST_BUDGET };
    const loop = expressions.compile('consumer.scopes.exists(a, consumer.scopes.exists(b, a == b + "x"))');
    expect(loop(view, budget)).toEqual({ error: 'cost_exceeded' });
  });
});

describe('ip and geo', () => {
  it.each([
    ['ip', { deny: ['10.0.0.0/8'] }, { clientIp: '10.1.2.3' }, 403],
    ['ip', { allow: ['10.0.0.0/8', '2001:db8::/32'] }, { clientIp: '2001:db8::1' }, 200],
    ['geo', { allow: { countries: ['DE'] }, header: 'x-country' }, { headers: { 'x-country': 'DE' } }, 200],
    ['geo', { allow: { countries: ['DE'] }, header: 'x-country' }, { headers: { 'x-country': 'FR' } }, 403],
  ])('%s %j for %j: %i', async (name, options, request, status) => {
    expect(await statusOf(name, options, request, { trustedHops: 1 })).toBe(status);
  });
});
