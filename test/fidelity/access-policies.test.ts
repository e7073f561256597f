/** The policies that say who may, in the built Worker on bare workerd, which makes no code from strings. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { lowered } from '../policies/lowering.ts';
import { startStand, type Stand } from './stand.ts';

const allow = (when: string) => ({ rules: [{ name: 'r', effect: 'allow', when }] });

/** Paths of this suite, the policy of each, and what it answers. */
const CASES: Readonly<Record<string, { readonly policy: string; readonly options: object; readonly answer: string }>> =
  {
    '/rule/': {
      policy: 'authorize',
      options: allow('request.query.n == "1" && now.getFullYear() > 2000'),
      answer: '200',
    },
    '/pattern/': { policy: 'authorize', options: allow('request.path.matches("(t|r)*n/$")'), answer: '200' },
    '/address/': { policy: 'authorize', options: allow('inCidr(address, "127.0.0.0/8")'), answer: '200' },
    '/loop/': { policy: 'authorize', options: allow('request.headers.exists(h, h == "x-team")'), answer: '200' },
    '/refused/': { policy: 'authorize', options: allow('request.method == "PUT"'), answer: '403 access-denied' },
    '/failed/': { policy: 'authorize', options: allow('claims.role == "admin"'), answer: '403 authorize-error' },
    '/in/': { policy: 'ip', options: { allow: ['127.0.0.0/8', '::1'] }, answer: '200' },
    '/out/': { policy: 'ip', options: { deny: [{ peer: '127.0.0.0/8' }, { peer: '::1' }] }, answer: '403 ip-denied' },
    '/nowhere/': {
      policy: 'geo',
      options: { allow: { countries: ['DE'] }, header: 'x-country' },
      answer: '403 geo-denied',
    },
  };

function withPolicies(program: RouteProgram): RouteProgram {
  const tables = Object.entries(program.tables).map(([id, routes]) => [
    id,
    routes.map((route) => {
      const path = route.matches[0]?.path;
      const written = path === undefined || path.kind === 'regex' ? undefined : CASES[path.value];
      if (written === undefined) throw new Error(`Nothing is said about ${route.id}.`);
      const config = lowered(written.policy, written.options, { trustedHops: 1 });
      const policies = [{ name: written.policy, config, source: route.source }];
      return Object.assign({}, route, { policies, action: { kind: 'respond' as const, status: 200 } });
    }),
  ]);
  return { ...program, tables: Object.fromEntries(tables) };
}

let stand: Stand;
beforeAll(async () => {
  stand = await startStand(
    Object.keys(CASES).map((prefix) => ({ prefix })),
    withPolicies,
  );
});
afterAll(() => stand.close());

describe('on bare workerd', () => {
  it.each(Object.entries(CASES))('%s', async (path, { answer }) => {
    const response = await fetch(`http://127.0.0.1:${stand.port}${path}?n=1`, { headers: { 'x-team': 'a' } });
    const body = await response.text();
    const code = /"code":"([^"]+)"/.exec(body)?.[1];
    expect([response.status, code].filter((part) => part !== undefined).join(' ')).toBe(answer);
  });

  it('no policy was unusable', () => expect(stand.log()).not.toContain('policy-unusable'));
});
