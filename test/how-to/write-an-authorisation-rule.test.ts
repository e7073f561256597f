/** Runs the example of docs/how-to/write-an-authorisation-rule.md as it stands on the page. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/compile/build-program.ts';
import { readConfigFile } from '../../src/config/load.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import type { Consumer } from '../../src/policies/contract.ts';
import type { CompiledPolicy } from '../../src/program/route-program.ts';
import { consumerOf } from '../policies/authorize/consumers.ts';
import { factsOf, runChain } from '../policies/chain.ts';
import { aRoute, gatewayFixture } from '../gateway/gateway-fixture.ts';

const page = fs.readFileSync(
  path.resolve(import.meta.dirname, '../../docs/how-to/write-an-authorisation-rule.md'),
  'utf8',
);
const findings: Finding[] = [];
let policies: readonly CompiledPolicy[] = [];
let folder = '';

beforeAll(async () => {
  const [, example = ''] = /```ts\n([^]*?)```/.exec(page) ?? [];
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-how-to-'));
  const file = path.join(folder, 'routes.config.ts');
  fs.writeFileSync(file, example);
  const { config } = await readConfigFile(file, (finding) => findings.push(finding));
  const built = buildProgram(
    { objects: [], config, initialFindings: findings },
    { target: 'self-hosted', unresolved: 'refuse', now: '2026-01-01T00:00:00Z' },
  );
  findings.push(...built.findings);
  const route = Object.values(built.program.tables)
    .flat()
    .find(({ id }) => id === 'config/orders');
  policies = route?.policies ?? [];
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

const user = consumerOf({ scopes: ['profile'] });
const writer = consumerOf({ scopes: ['orders:write'] });
const suspended = consumerOf({ claims: { status: 'suspended' }, scopes: ['orders:write'] });

describe('the example of the page', () => {
  it('builds without a finding', () => {
    expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
    expect(policies.map(({ name }) => name)).toEqual(['authorize']);
  });

  it.each<[string, string, Consumer | null, string, string]>([
    ['GET', '/orders/7', user, '203.0.113.7', 'passes'],
    ['GET', '/orders/7', null, '203.0.113.7', '403 access-denied'],
    ['POST', '/orders', writer, '203.0.113.7', 'passes'],
    ['POST', '/orders', user, '203.0.113.7', '403 insufficient-scope'],
    ['GET', '/orders/internal/x', user, '203.0.113.7', '403 access-denied not-from-here'],
    ['GET', '/orders/internal/x', user, '10.1.2.3', 'passes'],
    ['GET', '/orders/internals', user, '203.0.113.7', 'passes'],
    ['GET', '/orders/7', suspended, '203.0.113.7', '403 access-denied account-suspended'],
    ['PATCH', '/orders/7', writer, '203.0.113.7', '403 access-denied'],
  ])('%s %s of %j from %s: %s', async (method, at, consumer, clientIp, outcome) => {
    const response = await runChain({ policies, consumer }, factsOf({ method, path: at, clientIp }));
    expect(await outcomeOf(response)).toBe(outcome);
  });

  it('holds in the gateway, where nobody is logged in yet', async () => {
    const gateway = gatewayFixture({ routes: [aRoute('/orders', { policies })] });
    const answers = await Promise.all(
      ['/orders/7', '/orders/internal/x', '/orders/./internal/%78'].map((at) => gateway.send(`http://shop.test${at}`)),
    );
    const outcomes = await Promise.all(answers.map(outcomeOf));
    expect(outcomes).toEqual(['403 access-denied', '403 access-denied not-from-here', '400 dot-segments-rejected']);
    expect(gateway.upstream).toEqual([]);
  });
});

async function outcomeOf(response: Response): Promise<string> {
  if (response.status === 200) return 'passes';
  const { code, reason = '' } = (await response.json()) as { code: string; reason?: string };
  return `${response.status} ${code} ${reason}`.trimEnd();
}
