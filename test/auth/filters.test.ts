/** Filters, FilterPolicies and an AuthService as manifests, through the real runtime. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { send, startProtectedStand, type Answered, type ProtectedStand, type SentRequest } from './protected-stand.ts';

/** Knows the callers that `x-who` names, each by the prefix of the path it is asked at. */
const service = http.createServer((request, response) => {
  const [, realm = ''] = (request.url ?? '').split('/');
  const who = String(request.headers['x-who'] ?? '');
  asked.push(`${realm} ${who}`);
  if (!who.startsWith(`${realm}-`)) response.writeHead(401, { 'www-authenticate': `Own realm="${realm}"` });
  else response.writeHead(200, { 'x-plan': who.slice(realm.length + 1) });
  response.end(realm);
});
const asked: string[] = [];
let stand: ProtectedStand;

function filter(name: string): string {
  const { port } = service.address() as AddressInfo;
  return `
apiVersion: getambassador.io/v3alpha1
kind: Filter
metadata: { name: ${name}, namespace: default }
spec:
  External:
    auth_service: 127.0.0.1:${port}
    path_prefix: /${name}
    allowed_request_headers: [x-who]
    allowed_authorization_headers: [x-plan]
---`;
}

function mapping(name: string, spec: string): string {
  return `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: ${name}, namespace: default }
spec: { hostname: "*", service: "BACKEND", add_response_headers: { x-route: ${name} }, ${spec} }
---`;
}

const POLICIES = `
apiVersion: getambassador.io/v3alpha1
kind: Filter
metadata: { name: login, namespace: default }
spec: { OAuth2: { authorizationURL: "https://login.test" } }
---
apiVersion: getambassador.io/v3alpha1
kind: FilterPolicy
metadata: { name: policy, namespace: default }
spec:
  rules:
    - { path: /app/public/*, filters: [] }
    - { path: /app/either/*, filters: [{ name: staff, onDeny: continue, onAllow: break }, { name: guest }] }
    - { path: /app/login/*, filters: [{ name: staff, onDeny: continue }, { name: login }] }
    - { path: /app/quiet/*, filters: [{ name: staff, onDeny: continue }] }
    - path: /app/some/*
      filters:
        - { name: staff, ifRequestHeader: { name: x-mode, valueRegex: "^strict" } }
    - { path: /app/*, filters: [{ name: staff }] }
    - { host: port.test:8443, path: /other/*, filters: [{ name: staff }] }
---
apiVersion: gateway.getambassador.io/v1alpha1
kind: FilterPolicy
metadata: { name: newer, namespace: default }
spec:
  rules:
    - path: /FOLD/*
      precedence: 7
      filterRefs: [{ name: staff }]
---`;

beforeAll(async () => {
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  stand = await startProtectedStand({
    config: {},
    yaml: [
      filter('staff'),
      filter('guest'),
      POLICIES,
      mapping('app', 'prefix: /app/, rewrite: ""'),
      mapping('gold', 'prefix: /app/, rewrite: "", headers: { x-plan: gold }'),
      mapping('fold', 'prefix: /fold/, case_sensitive: false, rewrite: ""'),
      mapping('other', 'prefix: /other/, rewrite: ""'),
      mapping('free', 'prefix: /app/free/, bypass_auth: true, rewrite: ""'),
    ].join('\n'),
  });
}, 60_000);

afterAll(async () => {
  await stand.close();
  service.close();
});

beforeEach(() => void asked.splice(0));

async function ask(path: string, more: Omit<SentRequest, 'path'> = {}): Promise<Answered> {
  return send(stand.port, { path, ...more });
}

describe('FilterPolicies', () => {
  it.each<[string, string, Record<string, string>, number, string[]]>([
    ['an exemption', '/app/public/x', {}, 200, []],
    ['a filter that refuses', '/app/x', {}, 401, ['staff ']],
    ['a filter that lets pass', '/app/x', { 'x-who': 'staff-1' }, 200, ['staff staff-1']],
    ['the second of two', '/app/either/x', { 'x-who': 'guest-1' }, 200, ['staff guest-1', 'guest guest-1']],
    ['the first of two', '/app/either/x', { 'x-who': 'staff-1' }, 200, ['staff staff-1']],
    ['neither of two', '/app/either/x', {}, 401, ['staff ', 'guest ']],
    ['a filter that is not built, whoever asks', '/app/login/x', { 'x-who': 'staff-1' }, 503, []],
    ['a refusal that is passed over', '/app/quiet/x', {}, 200, ['staff ']],
    ['a condition that holds', '/app/some/x', { 'x-mode': 'strict-1' }, 401, ['staff ']],
    ['a condition that does not', '/app/some/x', { 'x-mode': 'not strict' }, 200, []],
    ['authentication switched off', '/app/free/x', {}, 200, []],
    ['a Mapping without case', '/Fold/x', {}, 401, ['staff ']],
    ['no rule', '/other/x', {}, 200, []],
    ['a host with a port', '/other/x', { host: 'port.test:8443' }, 401, ['staff ']],
    ['the same without it', '/other/x', { host: 'port.test' }, 401, ['staff ']],
  ])('%s', async (_name, path, headers, status, questions) => {
    expect((await ask(path, { headers })).status).toBe(status);
    expect(asked).toEqual(questions);
  });

  it('answers as the Filter does', async () => {
    const { headers, body } = await ask('/app/either/x');
    expect([headers['www-authenticate'], body]).toEqual(['Own realm="guest"', 'guest']);
    expect((await ask('/app/login/x')).code).toBe('policy-not-enforced');
  });

  it.each([
    '/app/x',
    '/app//x',
    '/app/%78',
    '/app/public',
    '/app/publicx/',
    '/app/public%20/x',
    '/app/Public/x',
    '/app/x;/public/x',
  ])('nobody gets past by another spelling: %s', async (path) => expect((await ask(path)).status).toBe(401));

  it.each(['/app/public/../x', '/app/public/%2e%2e/x', '/app/public/..%2fx', '/app/public/..;/x'])(
    'nobody gets past by climbing out of what is open: %s',
    async (path) => {
      const before = stand.arrived.length;
      expect((await ask(path)).status).toBe(400);
      expect(stand.arrived).toHaveLength(before);
    },
  );

  it('leads to another route by the header that a Filter wrote, and asks no second time', async () => {
    const { status, headers } = await ask('/app/x', { headers: { 'x-who': 'staff-gold' } });
    expect([status, headers['x-route'], stand.arrived.at(-1)?.headers['x-plan'], asked]).toEqual([
      200,
      'gold',
      'gold',
      ['staff staff-gold'],
    ]);
  });

  it('takes that header from clients', async () => {
    for (const name of ['x-plan', 'X-Plan', 'x_plan']) {
      const { headers } = await ask('/app/public/x', { headers: { [name]: 'gold' } });
      expect([headers['x-route'], stand.arrived.at(-1)?.headers[name.toLowerCase()]]).toEqual(['app', undefined]);
    }
  });
});

describe('an AuthService', () => {
  it('is asked after the Filters, on every route that does not skip it', async () => {
    const { port } = service.address() as AddressInfo;
    const guarded = await startProtectedStand({
      config: {},
      yaml: [
        filter('staff'),
        `
apiVersion: getambassador.io/v3alpha1
kind: FilterPolicy
metadata: { name: policy, namespace: default }
spec: { rules: [{ path: /app/*, filters: [{ name: staff }] }] }
---
apiVersion: getambassador.io/v3alpha1
kind: AuthService
metadata: { name: auth, namespace: default }
spec: { auth_service: "127.0.0.1:${port}", path_prefix: /staff, allowed_request_headers: [x-who] }
---
apiVersion: getambassador.io/v3alpha1
kind: AuthService
metadata: { name: ambassador-edge-stack-auth, namespace: ambassador }
spec: { auth_service: "127.0.0.1:8500", proto: grpc, protocol_version: v3 }
---`,
        mapping('app', 'prefix: /'),
        mapping('free', 'prefix: /free/, bypass_auth: true'),
      ].join('\n'),
    });
    try {
      const status = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
        (await send(guarded.port, { path, headers })).status;
      expect(await status('/app/x')).toBe(401);
      expect(asked).toEqual(['staff ']);
      expect(await status('/app/x', { 'x-who': 'staff-1' })).toBe(200);
      expect(asked).toEqual(['staff ', 'staff staff-1', 'staff staff-1']);
      expect([await status('/x'), await status('/x', { 'x-who': 'staff-1' })]).toEqual([401, 200]);
      expect(await status('/free/x')).toBe(200);
      expect(asked).toHaveLength(5);
    } finally {
      await guarded.close();
    }
  });
});
