/** `ip`, `geo` and `authorize` among the other policies of a route: order, addresses, headers of refusals. */
import { describe, expect, it } from 'vitest';
import { BuildCache, buildProgram } from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { fixedLimiter } from '../policies/memory-limiter.ts';
import { aRoute, gatewayFixture } from './gateway-fixture.ts';

const ORIGIN = 'https://shop.example.com';
const rateLimit = { limits: [{ name: 'all', rate: 10, unit: 'minute' }] };
const cors = { origins: [ORIGIN] };

function build(policies: object, gateway: object = {}, cache = new BuildCache()) {
  const findings: Finding[] = [];
  const report = (finding: Finding) => void findings.push(finding);
  const routes = [{ name: 'web', path: '/', backend: 'http://127.0.0.1:9001', policies }];
  const config = parseConfig({ routes, gateway }, report, 'routes.config.ts');
  const built = buildProgram(
    { objects: [], config, initialFindings: findings },
    { target: 'self-hosted', unresolved: 'refuse', now: '2026-01-01T00:00:00Z', cache },
  );
  const route = Object.values(built.program.tables).flat()[0];
  return { route, findings: built.findings, settings: built.program.settings };
}
function serve(policies: object, gateway: object = {}) {
  const { route, settings } = build(policies, gateway);
  const limiter = fixedLimiter({ allowed: true, remaining: 1, resetMs: 1, retryAfterMs: 0 });
  const compiled = route?.policies ?? [];
  const fixture = gatewayFixture({ routes: [aRoute('/', { policies: compiled })], settings, limiter });
  return { ...fixture, asked: limiter.asked, order: compiled.map(({ name }) => name) };
}

describe('order', () => {
  it('cors, ip, geo, authorize, rate-limit, whatever order they were written in', () => {
    const authorize = { rules: [{ name: 'all', effect: 'allow', when: 'true' }] };
    const geo = { deny: { countries: ['XY'] }, header: 'x-country' };
    const { order } = serve({ rateLimit, authorize, geo, ip: { deny: ['10.0.0.1'] }, cors }, { trustedHops: 1 });
    expect(order).toEqual(['cors', 'ip', 'geo', 'authorize', 'rate-limit']);
  });

  it.each([
    [{ ip: { allow: ['10.0.0.0/8'] } }, 'ip-denied'],
    [{ authorize: { rules: [{ name: 'none', effect: 'deny', when: 'true' }] } }, 'access-denied'],
  ])('a refusal by %j can be read by a browser, and no limit counts it', async (policies, code) => {
    const gateway = serve({ ...policies, cors, rateLimit });
    const refused = await gateway.send('http://a.test/x', { headers: { origin: ORIGIN } });
    expect(refused.status).toBe(403);
    expect(refused.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(await refused.json()).toMatchObject({ code });
    const preflight = { origin: ORIGIN, 'access-control-request-method': 'PUT' };
    expect((await gateway.send('http://a.test/x', { method: 'OPTIONS', headers: preflight })).status).toBe(200);
    expect([gateway.asked, gateway.upstream]).toEqual([[], []]);
  });
});

function from(address: string): RequestInit {
  return { headers: { 'x-forwarded-for': address } };
}

describe('addresses', () => {
  it('forwarding headers count as far as proxies are trusted', async () => {
    const allow = { ip: { allow: ['10.0.0.1'] } };
    expect((await serve(allow).send('http://a.test/', from('10.0.0.1'))).status).toBe(403);
    const trusting = serve(allow, { trustedHops: 1 });
    expect((await trusting.send('http://a.test/', from('10.0.0.1'))).status).toBe(200);
    expect((await trusting.send('http://a.test/', from('10.0.0.1, 8.8.8.8'))).status).toBe(403);
    expect((await trusting.send('http://a.test/', from('::ffff:10.0.0.1'))).status).toBe(200);
    const peer = serve({ ip: { allow: ['9.9.9.9'], of: 'peer' } }, { trustedHops: 1 });
    expect((await peer.send('http://a.test/', from('10.0.0.1'))).status).toBe(200);
  });
});

describe('geo and gateway.trustedHops', () => {
  const geo = { allow: { countries: ['DE'] }, header: 'X-Country' };

  it('the route refuses without a trusted proxy, and serves once there is one, in one process', () => {
    const cache = new BuildCache();
    const refused = build({ geo }, {}, cache);
    expect(refused.route?.action).toMatchObject({ kind: 'refuse', code: 'policy-invalid' });
    expect(refused.findings).toMatchObject([
      { code: 'geo-header-untrusted', path: 'policies.geo.header', source: { name: 'web' } },
    ]);
    const served = build({ geo }, { trustedHops: 1 }, cache);
    expect(served.route?.action.kind).toBe('forward');
    expect(served.findings).toEqual([]);
    expect(build({ geo }, {}, cache).route?.action.kind).toBe('refuse');
  });

  it('is judged by what the proxy wrote', async () => {
    const gateway = serve({ geo }, { trustedHops: 1 });
    const ask = async (country: string) =>
      (await gateway.send('http://a.test/', { headers: { 'x-country': country } })).status;
    expect([await ask('DE'), await ask('FR'), await ask('')]).toEqual([200, 403, 403]);
  });
});
