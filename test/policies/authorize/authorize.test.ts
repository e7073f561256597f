import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/model/route-model.ts';
import { decodeAuthorize } from '../../../src/policies/authorize/decode.ts';
import { explainAuthorize } from '../../../src/policies/authorize/explain.ts';
import type { AuthorizeOptions } from '../../../src/policies/authorize/options.ts';
import type { Consumer } from '../../../src/policies/contract.ts';
import { PolicyRequest } from '../../../src/gateway/policy-request.ts';
import { policyHandler } from '../../../src/policies/handlers.ts';
import { policyLowering } from '../../../src/policies/lowerings.ts';
import { factsOf, runChain, runtimeOf } from '../chain.ts';
import { lowered } from '../lowering.ts';
import { consumerOf } from './consumers.ts';

const ROUTE = {
  source: { kind: 'Mapping', namespace: 'default', name: 'm' },
  matches: [],
  action: { kind: 'respond', status: 200 },
  timeouts: { requestMs: 0, idleMs: 0 },
} as const;
const NOW_MS = Date.UTC(2026, 0, 31, 8, 30);
type Asked = { request?: Parameters<typeof factsOf>[0]; consumer?: Consumer | null };
type Logged = { event: string; fields: Readonly<Record<string, Json>> };

async function ask(options: AuthorizeOptions, { request = {}, consumer = null }: Asked, logged: Logged[] = []) {
  const runtime = runtimeOf({ now: () => NOW_MS, log: (event, fields) => logged.push({ event, fields }) });
  const policies = [{ name: 'authorize', config: lowered('authorize', options) }];
  return runChain({ policies, runtime, consumer }, factsOf(request));
}
function at(path: string): Asked {
  return { request: { path } };
}
/** What one allow rule says: `allow`, `access-denied` or another code. */
async function holds(when: string, asked: Asked = {}): Promise<string> {
  const response = await ask({ rules: [{ name: 'r', effect: 'allow', when }] }, asked);
  if (response.status === 200) return 'allow';
  expect(response.status).toBe(403);
  const body = (await response.json()) as { code: string };
  return body.code;
}

const alice = consumerOf({
  id: 'alice',
  issuer: 'https://id.example.com/',
  plan: 'gold',
  scopes: ['orders:read', 'profile'],
  claims: {
    role: 'admin',
    level: 3,
    groups: ['ops', 'dev'],
    org: { id: 'o1' },
    exp: NOW_MS / 1000 + 60,
    constructor: 'x',
  },
});

describe('what expressions see', () => {
  it.each([
    ['true', 'allow'],
    ['false', 'access-denied'],
    ['request.method == "GET"', 'allow'],
    ['request.path == "/backend/hello"', 'allow'],
    ['request.host == "api.example.com" && request.scheme == "https"', 'allow'],
    ['request.headers["x-team"] == "a, b"', 'allow'],
    ['request.headers["x-team"].split(", ").exists(team, team == "b")', 'allow'],
    ['has(request.headers.constructor) && request.headers.constructor == "y"', 'allow'],
    ['"x-none" in request.headers', 'access-denied'],
    ['request.headers["x-none"] == ""', 'authorize-error'],
    // The first of several, decoded; a broken escape as it was sent.
    ['request.query["a"] == "1"', 'allow'],
    ['request.query["b c"] == "ü+"', 'allow'],
    ['request.query["bad"] == "%zz"', 'allow'],
    ['request.query.flag == ""', 'allow'],
    ['size(request.query) == 4', 'allow'],
    ['address == "203.0.113.7" && inCidr(address, "203.0.113.0/24")', 'allow'],
    ['inCidr(address, "10.0.0.0/8") || inCidr(address, "2001:db8::/32")', 'access-denied'],
    ['inCidr(request.method, "10.0.0.0/8")', 'authorize-error'],
    ['country == "DE"', 'allow'],
    ['now > timestamp("2026-01-31T08:00:00Z") && now < timestamp("2026-01-31T08:00:00Z") + duration("1h")', 'allow'],
    ['now.getHours() == 8 && now.getMinutes() == 30 && now.getDayOfWeek() == 6', 'allow'],
    ['consumer.id == "alice" && consumer.kind == "jwt" && consumer.plan == "gold"', 'allow'],
    ['consumer.issuer == "https://id.example.com/"', 'allow'],
    ['"orders:read" in consumer.scopes && !("orders:write" in consumer.scopes)', 'allow'],
    ['claims.role == "admin" && consumer.claims.role == "admin"', 'allow'],
    ['claims.level == 3 && claims.level >= 2 && claims.level in [1, 3]', 'allow'],
    ['"ops" in claims.groups && claims.groups.all(group, size(group) == 3)', 'allow'],
    ['claims.org.id == "o1" && has(claims.org.id) && !has(claims.org.name)', 'allow'],
    ['claims.exp > int(now) && claims.exp < int(now) + 61', 'allow'],
    ['has(claims.tenant) && claims.tenant == "t"', 'access-denied'],
    ['claims.tenant == "t"', 'authorize-error'],
    ['claims.role == "admin" || claims.tenant == "t"', 'allow'],
    ['claims.tenant == "t" || claims.role == "admin"', 'allow'],
    ['claims.role in claims.role', 'authorize-error'],
  ])('%s: %s', async (when, outcome) => {
    const request = {
      query: 'a=1&a=2&b+c=%C3%BC%2B&bad=%zz&flag',
      headers: { 'x-team': 'a, b', constructor: 'y' },
      place: { country: 'DE', continent: 'EU', region: null, asn: null },
    };
    expect(await holds(when, { request, consumer: alice })).toBe(outcome);
  });

  it.each([
    ['consumer.id == "anonymous" && consumer.kind == "anonymous"', 'allow'],
    ['consumer.issuer == "" && consumer.plan == "" && size(consumer.scopes) == 0 && size(claims) == 0', 'allow'],
    ['has(claims.role)', 'access-denied'],
    ['country == ""', 'allow'],
  ])('without authentication: %s: %s', async (when, outcome) => expect(await holds(when)).toBe(outcome));

  it('claims too deep or too many to be judged fail, and only for rules that read them', async () => {
    let deep: Json = 1;
    for (let depth = 0; depth < 40; depth += 1) deep = [deep];
    const many = Array.from({ length: 6_000 }, (_, index) => index);
    for (const claims of [{ deep }, { many }] as const) {
      const consumer = consumerOf({ claims });
      expect(await holds('has(claims.role)', { consumer })).toBe('authorize-error');
      expect(await holds('consumer.id == "alice"', { consumer })).toBe('allow');
    }
  });

  it('patterns search, as in CEL, with RE2’s meaning', async () => {
    expect(await holds('request.path.matches("/v[0-9]+/")', at('/api/v2/x'))).toBe('allow');
    expect(await holds('request.path.matches("^/v[0-9]+/")', at('/api/v2/x'))).toBe('access-denied');
    expect(await holds('request.path.matches("(?i)ADMIN")', at('/admin'))).toBe('allow');
    expect(await holds('request.path.matches(r"\\Aa(b|c)*$")', at('/a'))).toBe('access-denied');
    expect(
      await holds('claims.role.matches("^adm") && claims.groups.exists(g, g.matches("^o"))', { consumer: alice }),
    ).toBe('allow');
    expect(await holds('claims.level.matches("3")', { consumer: alice })).toBe('authorize-error');
  });
});

describe('modes', () => {
  const rules: AuthorizeOptions['rules'] = [
    { name: 'admins', effect: 'allow', when: 'consumer.id == "alice"' },
    { name: 'no-writes', effect: 'deny', when: 'request.method != "GET"', code: 'read-only' },
    { name: 'others', effect: 'allow', when: 'true' },
  ];
  const post = { method: 'POST' };

  it('first-match: the first rule that holds decides', async () => {
    expect((await ask({ rules }, { request: post, consumer: alice })).status).toBe(200);
    const refused = await ask({ rules }, { request: post });
    expect(refused.status).toBe(403);
    expect(await refused.json()).toEqual({ code: 'access-denied', status: 403, reason: 'read-only' });
    expect((await ask({ rules }, {})).status).toBe(200);
  });

  it('deny-overrides: a deny rule refuses wherever it stands', async () => {
    const refused = await ask({ rules, mode: 'deny-overrides' }, { request: post, consumer: alice });
    expect(await refused.json()).toEqual({ code: 'access-denied', status: 403, reason: 'read-only' });
    expect((await ask({ rules, mode: 'deny-overrides' }, { consumer: alice })).status).toBe(200);
  });

  it('without a rule that allows it, a request is refused, and its answer names no rule', async () => {
    const refused = await ask({ rules: rules.slice(0, 1) }, {});
    expect(await refused.json()).toEqual({ code: 'access-denied', status: 403 });
    expect(refused.headers.get('www-authenticate')).toBeNull();
  });

  it.each(['allow', 'deny'] as const)(
    'an %s rule that fails refuses, and is logged without its values',
    async (effect) => {
      const logged: Logged[] = [];
      const failing: AuthorizeOptions = {
        rules: [
          { name: 'broken', effect, when: 'int(request.query.n) > 3' },
          { name: 'rest', effect: 'allow', when: 'true' },
        ],
      };
      const refused = await ask(failing, { request: { query: 'n=secret' } }, logged);
      expect(await refused.json()).toEqual({ code: 'authorize-error', status: 403 });
      expect(logged).toMatchObject([
        { event: 'authorize-error', fields: { rule: 'broken', error: 'int_conversion_error', suppressed: 0 } },
      ]);
      expect(JSON.stringify(logged)).not.toContain('secret');
      expect((await ask(failing, { request: { query: 'n=1' } })).status).toBe(200);
    },
  );

  it('logs failures at most once in ten seconds', async () => {
    const logged: Logged[] = [];
    let nowMs = 0;
    const runtime = runtimeOf({ now: () => nowMs, log: (event, fields) => logged.push({ event, fields }) });
    const rules: AuthorizeOptions['rules'] = [{ name: 'r', effect: 'allow', when: 'claims.role == "x"' }];
    const handler = policyHandler('authorize')?.create(lowered('authorize', { rules }), runtime);
    if (handler === undefined) throw new Error('no handler');
    const raw = new Request('http://gateway.test/');
    const request = new PolicyRequest({
      raw,
      facts: factsOf(),
      route: { ...ROUTE, id: 'r' },
      waitUntil: () => undefined,
    });
    for (const at of [0, 1, 9_999, 10_000]) {
      nowMs = at;
      expect(() => handler(request)).toThrow(expect.objectContaining({ status: 403 }));
    }
    expect(logged.map(({ fields }) => fields['suppressed'])).toEqual([0, 2]);
  });
});

describe('scopes', () => {
  const scoped: AuthorizeOptions = {
    rules: [{ name: 'write', effect: 'allow', when: 'request.method == "POST"', scope: ['orders:write', 'profile'] }],
  };
  const post = { method: 'POST' };

  it('an allow rule holds only for who has them all', async () => {
    const writer = consumerOf({ scopes: ['profile', 'orders:write', 'x'] });
    expect((await ask(scoped, { request: post, consumer: writer })).status).toBe(200);
    const refused = await ask(scoped, { request: post, consumer: alice });
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toBe(
      'Bearer error="insufficient_scope", scope="orders:write profile"',
    );
    expect(await refused.json()).toEqual({ code: 'insufficient-scope', status: 403 });
    expect(await (await ask(scoped, { consumer: alice })).json()).toMatchObject({ code: 'access-denied' });
  });

  it('a later rule may allow it all the same', async () => {
    const rules = [...scoped.rules, { name: 'ops', effect: 'allow', when: '"ops" in claims.groups' }] as const;
    expect((await ask({ rules }, { request: post, consumer: alice })).status).toBe(200);
  });

  it('a deny rule refuses who lacks one', async () => {
    const rules: AuthorizeOptions['rules'] = [
      { name: 'writes', effect: 'deny', when: 'request.method == "POST"', scope: ['orders:write'], code: 'no-write' },
      { name: 'rest', effect: 'allow', when: 'true' },
    ];
    const refused = await ask({ rules }, { request: post, consumer: alice });
    expect(refused.headers.get('www-authenticate')).toContain('scope="orders:write"');
    expect(await refused.json()).toEqual({ code: 'insufficient-scope', status: 403, reason: 'no-write' });
    expect((await ask({ rules }, { request: post, consumer: consumerOf({ scopes: ['orders:write'] }) })).status).toBe(
      200,
    );
  });

  it.each([null, consumerOf({ kind: 'anonymous', id: 'anonymous' })])(
    'who has shown no credential lacks more than a scope',
    async (consumer) => {
      const refused = await ask(scoped, { request: post, consumer });
      expect(await refused.json()).toEqual({ code: 'access-denied', status: 403 });
      expect(refused.headers.get('www-authenticate')).toBeNull();
    },
  );
});

describe('dry run', () => {
  const deny = { name: 'no-posts', effect: 'deny', when: 'request.method == "POST"', code: 'no-posts' } as const;
  const allow = { name: 'all', effect: 'allow', when: 'true' } as const;
  const post = { method: 'POST' };

  it('of a rule: passes, and logs what it would have refused', async () => {
    const logged: Logged[] = [];
    const options: AuthorizeOptions = { rules: [{ ...deny, dryRun: true }, allow] };
    expect((await ask(options, { request: post }, logged)).status).toBe(200);
    expect((await ask(options, {}, logged)).status).toBe(200);
    expect(logged).toEqual([
      {
        event: 'authorize-dry-run',
        fields: {
          requestId: 'req-1',
          route: 'Mapping/default/backend-mapping',
          would: 'deny',
          rule: 'no-posts',
          code: 'access-denied',
          reason: 'no-posts',
        },
      },
    ]);
  });

  it('of an allow rule never lets pass what another one refuses', async () => {
    const logged: Logged[] = [];
    const options: AuthorizeOptions = { rules: [{ ...allow, dryRun: true }, deny, { ...allow, name: 'gets' }] };
    expect((await ask(options, { request: post }, logged)).status).toBe(403);
    expect(logged).toMatchObject([{ event: 'authorize-dry-run', fields: { would: 'allow', rule: 'all' } }]);
    expect((await ask({ rules: [{ ...allow, dryRun: true }] }, {})).status).toBe(403);
  });

  it('of a rule that fails or costs too much changes nothing', async () => {
    const logged: Logged[] = [];
    const loop = 'consumer.scopes.all(a, consumer.scopes.all(b, a + b != "zz"))';
    const scopes = Array.from({ length: 500 }, (_, index) => `s${index}`);
    const options: AuthorizeOptions = { rules: [{ name: 'loop', effect: 'deny', when: loop, dryRun: true }, allow] };
    expect((await ask(options, { consumer: consumerOf({ scopes }) }, logged)).status).toBe(200);
    expect(logged).toMatchObject([{ fields: { would: 'deny', code: 'authorize-error', reason: 'cost_exceeded' } }]);
  });

  it('of the policy refuses nothing', async () => {
    const logged: Logged[] = [];
    expect((await ask({ rules: [deny, allow], dryRun: true }, { request: post }, logged)).status).toBe(200);
    expect(logged).toMatchObject([{ fields: { would: 'deny', rule: 'no-posts' } }]);
  });
});

function explain(options: AuthorizeOptions, request: Parameters<typeof factsOf>[0] = {}) {
  return policyLowering('authorize')?.explain(lowered('authorize', options), factsOf(request));
}

describe('explain', () => {
  const admin = { name: 'admin', effect: 'allow', when: 'request.method != "GET" && claims.role == "admin"' } as const;
  const gets = { name: 'gets', effect: 'allow', when: 'request.method == "GET"' } as const;

  it('names the rule that decides', async () => {
    expect(await explain({ rules: [admin, gets] })).toEqual({
      input: { method: 'GET', host: 'api.example.com', path: '/backend/hello', query: null },
      note: 'rule gets allows it',
    });
    const deny = { name: 'v1', effect: 'deny', when: 'request.path.matches("^/v1/")' } as const;
    expect(await explain({ rules: [deny, gets] }, { path: '/v1/x' })).toMatchObject({ answersWith: 403 });
    expect(await explain({ rules: [gets] }, { method: 'PUT' })).toMatchObject({
      note: 'no rule allows it: 403 access-denied',
      answersWith: 403,
    });
    expect(await explain({ rules: [{ name: 'r', effect: 'allow', when: 'request.query.a == "1"' }] })).toMatchObject({
      note: 'rule r cannot be decided: 403 authorize-error',
      answersWith: 403,
    });
  });

  it('says what it depends on', async () => {
    const unknown = await explain(
      { rules: [admin, { name: 'late', effect: 'allow', when: 'now.getHours() > 20' }] },
      { method: 'PUT' },
    );
    expect(unknown?.note).toBe(
      'it depends on who is calling and the time whether one of the rules admin, late decides; else no rule allows it: 403 access-denied',
    );
    expect(unknown).not.toHaveProperty('answersWith');
    const refused = await explain({ rules: [{ ...admin, effect: 'deny' }] }, { method: 'PUT' });
    expect(refused).toMatchObject({ answersWith: 403 });
    const scoped = await explain({ rules: [{ ...gets, scope: ['a'] }] });
    expect(scoped?.note).toContain('depends on who is calling whether rule gets decides');
  });

  it('decides for a caller who is known', () => {
    const rules = [
      admin,
      { ...gets, scope: ['orders:write'] },
      { name: 'late', effect: 'allow', when: 'now.getHours() > 20' },
    ];
    const config = decodeAuthorize(lowered('authorize', { rules }));
    const at = (method: string, consumer: Consumer | null) =>
      explainAuthorize(config, factsOf({ method }), { consumer, nowMs: NOW_MS });
    expect(at('PUT', alice).note).toBe('rule admin allows it');
    expect(at('PUT', null)).toMatchObject({
      note: 'rule admin cannot be decided: 403 authorize-error',
      answersWith: 403,
    });
    expect(at('GET', alice)).toMatchObject({ note: 'rule gets refuses it: 403 insufficient-scope', answersWith: 403 });
    expect(at('GET', null).note).toBe('rule gets refuses it: 403 access-denied');
    expect(at('GET', consumerOf({ scopes: ['orders:write'] })).note).toBe('rule gets allows it');
  });

  it('speaks of the dry run apart', async () => {
    const dry = await explain({
      rules: [
        { ...gets, dryRun: true },
        { name: 'all', effect: 'deny', when: 'true' },
      ],
    });
    expect(dry?.note).toBe(
      'rule all refuses it: 403 access-denied; if the rules of the dry run were enforced, rule gets allows it',
    );
    expect(await explain({ rules: [gets], dryRun: true }, { method: 'PUT' })).toEqual({
      input: { method: 'PUT', host: 'api.example.com', path: '/backend/hello', query: null },
      note: 'dry run, nothing is refused; if it were enforced, no rule allows it: 403 access-denied',
    });
  });
});
