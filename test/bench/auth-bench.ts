/**
 * What demanding a credential costs: one route with and without it through one workerd build, beside Hono
 * with its own `hono/jwk` and with a middleware over jose. Warm: a few hundred tokens again and again.
 * Cold: a token is never seen twice.
 */
import * as path from 'node:path';
import { send } from '../auth/protected-stand.ts';
import { issueKey, TokenMint, type IssuedKey } from './auth-credentials.ts';
import { baselineOptions, comparedRoutes, fullPolicyRoutes, guardedOptions } from './auth-gateways.ts';
import { BACKEND_BODY } from './backend.ts';
import { measureRounds, targetsAmong, type RoundResults, type Scenario, type Target } from './load-rounds.ts';
import { round, type Section } from './report.ts';
import { withStand } from './with-stand.ts';
import { passThroughOptions, type WorkerdOptions } from './workerd-process.ts';

const ROUNDS = 15;
const CONNECTIONS = 32;
const WARM_UP_REQUESTS = 3000;
const REQUESTS = 2000;
const WARM_TOKENS = 300;
const FULL_ROUTES = 10_000;
const HOST = 'api.example.com';
const OPEN = 'Portolan, no policy';
const BARE = 'bare pass-through';

type Lines = readonly string[];
type Guarded = Scenario & {
  /** Header lines with which a request must be refused, by what is wrong with them. */
  readonly bad: Readonly<Record<string, Lines>>;
};
type Credentials = { readonly mint: TokenMint; readonly key: IssuedKey; readonly warm: Lines; readonly cold: Lines };
type Start = (name: string, options: (folder: string) => WorkerdOptions | Promise<WorkerdOptions>) => Promise<Place>;
type Place = Pick<Scenario, 'port' | 'pids'>;

export async function benchAuth(): Promise<readonly Section[]> {
  return withStand(async ({ folder, backend, start: startIn }) => {
    const start: Start = async (name, options) => startIn(await options(path.join(folder, name)));
    const scenarios = await startScenarios(backend, start);
    await proveRefusals(scenarios);
    const plan = { rounds: ROUNDS, requests: REQUESTS, warmUpRequests: WARM_UP_REQUESTS };
    const results = await measureRounds(scenarios, plan);
    // Once more, now that all caches hold what they hold.
    await proveRefusals(scenarios);
    return [section(scenarios, results)];
  });
}

async function startScenarios(backend: string, start: Start): Promise<readonly Guarded[]> {
  const mint = new TokenMint();
  const warm = mint.many(WARM_TOKENS);
  const cold = mint.many(ROUNDS * REQUESTS + WARM_UP_REQUESTS);
  const credentials = { mint, key: await issueKey(), warm, cold };
  return [
    ...(await startPortolan(backend, credentials, start)),
    ...(await startBaselines(backend, credentials, start)),
  ];
}

/** A process for each, so that none has another's tokens in its heap. */
async function startPortolan(backend: string, credentials: Credentials, start: Start): Promise<readonly Guarded[]> {
  const { mint, key, warm, cold } = credentials;
  const portolan = (name: string, routes = comparedRoutes(backend)): Promise<Place> =>
    start(name, (folder) => guardedOptions({ folder, backend, routes, mint, key }));
  const bad = badTokens(credentials);
  const keyLine = `x-api-key: ${key.key}`;
  const badKeys = { none: [], unknown: [`x-api-key: ${(await issueKey()).key}`], mistyped: [keyLine.slice(0, -1)] };
  const full = targetsAmong(FULL_ROUTES, 200).map(({ host, path: requestPath }, at) =>
    target(requestPath, [bearer(warm[at] ?? '')], host),
  );
  return [
    guarded(OPEN, await portolan('open'), withTokens('/open/orders/1', warm), {}),
    guarded('Portolan, ES256 JWT, warm', await portolan('warm'), withTokens('/jwt/orders/1', warm), bad),
    once(guarded('Portolan, ES256 JWT, cold', await portolan('cold'), withTokens('/jwt/orders/1', cold), bad)),
    guarded('Portolan, API key, warm', await portolan('key'), [target('/key/orders/1', [keyLine])], badKeys),
    {
      ...guarded(
        'Portolan, JWT + CORS + limit, 10,000 routes',
        await portolan('full', fullPolicyRoutes(backend, FULL_ROUTES)),
        full,
        bad,
      ),
      header: 'ratelimit',
    },
  ];
}

async function startBaselines(backend: string, credentials: Credentials, start: Start): Promise<readonly Guarded[]> {
  const { mint, warm, cold } = credentials;
  const baseline = (entry: string): Promise<Place> =>
    start(entry, (folder) => baselineOptions(entry, { folder, backend, mint }));
  const bad = badTokens(credentials);
  const targets = { warm: withTokens('/backend/orders/1', warm), cold: withTokens('/backend/orders/1', cold) };
  const scenarios = [
    guarded(BARE, await start('bare', (folder) => passThroughOptions(folder, backend)), targets.warm, {}),
  ];
  const middlewares = { 'hono/jwk': 'jwk-middleware-worker.ts', 'Hono and jose': 'jose-middleware-worker.ts' };
  for (const [name, entry] of Object.entries(middlewares)) {
    // They keep nothing of a token, so warm and cold need not be told apart by process.
    const place = await baseline(entry);
    scenarios.push(guarded(`${name}, warm`, place, targets.warm, bad));
    scenarios.push(once(guarded(`${name}, cold`, place, targets.cold, bad)));
  }
  return scenarios;
}

function guarded(name: string, { port, pids }: Place, targets: readonly Target[], bad: Guarded['bad']): Guarded {
  return { name, port, pids, targets, connections: CONNECTIONS, bad };
}

function once(scenario: Guarded): Guarded {
  return { ...scenario, once: true };
}

function withTokens(requestPath: string, tokens: Lines): readonly Target[] {
  return tokens.map((token) => target(requestPath, [bearer(token)]));
}

function target(requestPath: string, lines: Lines, host = HOST): Target {
  return { host, path: requestPath, lines };
}

function bearer(token: string): string {
  return `authorization: Bearer ${token}`;
}

function badTokens({ mint, warm }: Credentials): Guarded['bad'] {
  const tokens = Object.entries(mint.bad(warm[0] ?? ''));
  return { none: [], ...Object.fromEntries(tokens.map(([what, token]) => [what, [bearer(token)]])) };
}

/** Whoever lets one of these pass measures something else. */
async function proveRefusals(scenarios: readonly Guarded[]): Promise<void> {
  for (const { name, port, targets, bad } of scenarios) {
    const [{ host, path: requestPath } = { host: HOST, path: '/' }] = targets;
    for (const [what, lines] of Object.entries(bad)) {
      const headers = Object.fromEntries(lines.map((line) => line.split(/: (.*)/, 2)));
      const { status, body } = await send(port, { path: requestPath, headers: { ...headers, host } });
      if (status !== 401 || body === BACKEND_BODY) throw new Error(`${name}: ${what} was answered with ${status}.`);
    }
  }
}

function section(scenarios: readonly Guarded[], results: RoundResults): Section {
  return {
    title: 'Routes that demand a credential',
    rows: scenarios.map(({ name }) => ({
      gateway: name,
      'req/s': Math.round(results.median(name, ({ perSecond }) => perSecond)),
      'p50 ms': round(results.median(name, ({ p50 }) => p50)),
      'p99 ms': round(results.median(name, ({ p99 }) => p99)),
      'CPU µs/req': Math.round(results.median(name, ({ cpuUs }) => cpuUs)),
      'req/s vs no policy': results.against(name, OPEN, ({ perSecond }) => perSecond),
      'CPU vs no policy': results.against(name, OPEN, ({ cpuUs }) => cpuUs),
      'req/s vs pass-through': results.against(name, BARE, ({ perSecond }) => perSecond),
    })),
    notes: [
      `${ROUNDS} rounds of ${REQUESTS} requests each over ${CONNECTIONS} connections, all gateways in every round, there and back; medians, ratios per round with (lowest–highest). Every answer was the backend's, with its status and body.`,
      `Warm: ${WARM_TOKENS} tokens in turn. Cold: no token is sent twice. The route without a policy and the pass-through get the warm tokens too, so that all requests are of one size.`,
      'Before the rounds and after them every guarded gateway refused with 401: no credential, a signature by another key, signature and claims of two good tokens mixed, expired, another issuer, another audience; for keys an unknown and a mistyped one.',
      'CPU is that of the workerd process alone; load generator and backend share the processors with it.',
    ],
  };
}
