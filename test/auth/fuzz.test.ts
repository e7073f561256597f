/**
 * Many requests through bare workerd, over kept connections, and what the backend got of them.
 * `FUZZ_REQUESTS=50000 npx vitest run test/auth/fuzz.test.ts` is the full run; `FUZZ_SEED` makes it another one.
 */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomFrom } from '../hostile/variants.ts';
import { AUDIENCE, ISSUER } from './attack-stand.ts';
import { KNOWN_CALLER, makeCredentials, type Credentials } from './fuzz/credentials.ts';
import { violationOf } from './fuzz/oracle.ts';
import { createRequests, type FuzzRequest } from './fuzz/requests.ts';
import { startKeySetServer, type KeySetServer } from './key-set-server.ts';
import { startProtectedStand, type Arrived, type ProtectedStand } from './protected-stand.ts';
import { sendAll } from './request-pool.ts';

const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 5_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_125);
const LANES = 8;
/** Beginnings of paths behind which somebody is asked who he is; for the figures alone. */
const PROTECTED = /^\/(?:jwt|cors|admin|key|query|ext|any|all|maybe|fold|fp\/(?!public\/))/i;

let stand: ProtectedStand;
let provider: KeySetServer;
let credentials: Credentials;
const service = http.createServer((request, response) => {
  response.writeHead(request.headers['x-who'] === KNOWN_CALLER ? 200 : 403).end();
});

function mapping(name: string, more: object): object {
  const headers = { 'x-consumer': { value: '%CONSUMER_ID%', append: false } };
  const spec = { hostname: '*', service: 'BACKEND', rewrite: '', add_request_headers: headers, ...more };
  return { apiVersion: 'getambassador.io/v3alpha1', kind: 'Mapping', metadata: { name, namespace: 'default' }, spec };
}

function manifests(jwksURI: string): string {
  const filters = [{ name: 'corp' }];
  return [
    mapping('fp', { prefix: '/fp/' }),
    mapping('fold', { prefix: '/fold/', case_sensitive: false }),
    {
      apiVersion: 'getambassador.io/v3alpha1',
      kind: 'Filter',
      metadata: { name: 'corp', namespace: 'default' },
      spec: { JWT: { jwksURI, issuer: ISSUER, audience: AUDIENCE, requireExpiresAt: true } },
    },
    {
      apiVersion: 'getambassador.io/v3alpha1',
      kind: 'FilterPolicy',
      metadata: { name: 'policy', namespace: 'default' },
      spec: {
        rules: [
          { path: '/fp/public/*', filters: [] },
          { path: '/fp/*', filters },
          { path: '/FOLD/*', filters },
        ],
      },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n');
}

function configOf(jwksURI: string, serviceUrl: string): object {
  const set = { 'X-Consumer': '%CONSUMER_ID%' };
  const route = (name: string, auth: unknown, more: object = {}): object => ({
    name,
    path: `/${name}/`,
    backend: 'BACKEND',
    ...(auth !== null && {
      requestHeaders: { set },
      policies: { auth, ...(name === 'cors' && { cors: { origins: ['https://app.test'] } }) },
    }),
    ...more,
  });
  const jwt = { issuer: ISSUER, audience: AUDIENCE, jwksURI };
  return {
    // By default no name with an underscore goes on at all; this is harder.
    gateway: { headersWithUnderscores: 'allow' },
    authentication: {
      tokens: { jwt },
      admins: { jwt: { ...jwt, scopes: ['admin'] } },
      keys: { apiKey: {} },
      queries: { apiKey: { query: 'api_key' } },
      service: { external: { service: serviceUrl, allowedRequestHeaders: ['x-who'] } },
    },
    routes: [
      route('jwt', 'tokens'),
      route('cors', 'tokens'),
      route('admin', 'admins'),
      route('key', 'keys'),
      route('query', 'queries'),
      route('ext', 'service'),
      route('any', { anyOf: ['tokens', 'keys'] }),
      route('all', { allOf: ['tokens', 'keys'] }),
      route('maybe', { method: 'tokens', optional: true }),
      route('open', null),
      route('rest', null, { path: '/', hostnames: ['gateway.test'] }),
      route('secure', 'tokens', { path: '/', hostnames: ['secure.test'] }),
    ],
  };
}

beforeAll(async () => {
  credentials = await makeCredentials();
  provider = await startKeySetServer();
  provider.serve('/keys', { keys: credentials.jwks });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const jwksURI = `${provider.url}/keys`;
  stand = await startProtectedStand({
    config: configOf(jwksURI, `http://127.0.0.1:${(service.address() as AddressInfo).port}`),
    yaml: manifests(jwksURI),
  });
  credentials.store(stand.keysFolder);
});
afterAll(async () => {
  await stand.close();
  provider.close();
  service.closeAllConnections();
  service.close();
});

it(`of ${REQUESTS} requests none passes that may not, and those pass that may`, async () => {
  const make = createRequests(credentials, randomFrom(SEED));
  const sent = new Map<string, FuzzRequest>();
  const statuses = new Map<string, number>();
  let count = 0;
  const report = await sendAll(stand.port, LANES, () => {
    if (count === REQUESTS) return null;
    const request = make(count);
    count += 1;
    sent.set(request.id, request);
    return {
      bytes: request.bytes,
      isHead: request.method === 'HEAD',
      answered: (answer) => {
        statuses.set(request.id, answer?.status ?? 0);
      },
    };
  });
  const violations = stand.arrived.flatMap((arrived) => {
    const request = sent.get(idOf(arrived));
    const violation = violationOf(arrived, request);
    return violation === null ? [] : [`${violation}\n${request?.bytes ?? ''}`];
  });
  expect(violations.slice(0, 5)).toEqual([]);
  const plain = judgePlain([...sent.values()], new Set(stand.arrived.map(idOf)), statuses);
  expect(plain.wrong.slice(0, 5)).toEqual([]);
  const { passed, refused } = plain;
  const figures = {
    suite: 'auth-fuzz',
    seed: SEED,
    ...report,
    arrived: stand.arrived.length,
    arrivedProtected: stand.arrived.filter(({ url }) => PROTECTED.test(url)).length,
    violations: violations.length,
    plain: { passed, refused },
    byStatus: countsOf(statuses.values()),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  // A run that refuses everything, or sends nothing that is refused, proves nothing.
  expect(passed).toBeGreaterThan(REQUESTS / 20);
  expect(refused).toBeGreaterThan(REQUESTS / 20);
  expect(report.silences).toBe(0);
  expect(stand.log()).not.toMatch(/"code":"internal"|Uncaught/);
}, 600_000);

function idOf({ headers }: Arrived): string {
  return String(headers['x-fuzz'] ?? '');
}

function countsOf(values: Iterable<number>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function judgePlain(
  sent: readonly FuzzRequest[],
  arrived: ReadonlySet<string>,
  statuses: ReadonlyMap<string, number>,
): { readonly passed: number; readonly refused: number; readonly wrong: readonly string[] } {
  const wrong: string[] = [];
  let passed = 0;
  let refused = 0;
  for (const { id, plain, bytes } of sent) {
    if (plain === null) continue;
    const status = statuses.get(id) ?? 0;
    if (plain.passes) passed += 1;
    else refused += 1;
    const isRight = plain.passes
      ? arrived.has(id) && status === 200
      : !arrived.has(id) && [401, 403, 400].includes(status);
    if (!isRight) wrong.push(`${status} ${plain.passes ? 'should pass' : 'should not'}:\n${bytes}`);
  }
  return { passed, refused, wrong };
}
