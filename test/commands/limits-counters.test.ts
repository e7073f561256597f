import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ForgetfulStore } from '../../src/access-log/forgetful-store.ts';
import { counters, type CounterRequest } from '../../src/commands/limits-counters.ts';
import type { AskGateway, RunningGateway } from '../../src/commands/running-gateway.ts';
import type { Check, LimitAnswer } from '../../src/limits/calls.ts';
import { idleAtMs, Ledger } from '../../src/limits/ledger.ts';
import type { Limit } from '../../src/limits/limit.ts';
import { run } from './terminal-fixture.ts';

const HOURLY: Limit = { algorithm: 'token-bucket', rate: 50, periodMs: 3_600_000, burst: 50 };
const THREE: Limit = { algorithm: 'concurrency', rate: 3 };
const NOW_MS = 1_700_000_000_000;

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'portolan-counters-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const check = (key: string, limit: Limit): Check => ({ key, limit, cost: 1, onFailure: 'closed', budgetMs: 1 });

/** Counters as a node has them: 50 requests of one key, two slots of another. */
function usedLedger(): Ledger {
  const ledger = new Ledger(new ForgetfulStore(idleAtMs));
  for (let count = 0; count < 50; count += 1)
    ledger.decide({ kind: 'take', checks: [check('rl/a|a:192.0.2.1', HOURLY)], slot: null }, NOW_MS);
  for (const slot of ['x', 'y'])
    ledger.decide({ kind: 'take', checks: [check('rl/b|a:192.0.2.1', THREE)], slot }, NOW_MS);
  return ledger;
}

const askLedger =
  (ledger: Ledger): AskGateway =>
  (_gateway, calls) =>
    Promise.resolve(calls.map((call) => ledger.decide(call, NOW_MS)));

async function ask(
  request: Pick<CounterRequest, 'action' | 'keys'> & Partial<CounterRequest>,
  askGateway: AskGateway,
  json = false,
) {
  const out = { stdout: '', stderr: '' };
  const context = {
    json,
    terminal: { cwd } as Parameters<typeof counters>[1]['terminal'],
    print: (text: string) => (out.stdout += `${text}\n`),
    printJson: (value: unknown) => (out.stdout += JSON.stringify(value)),
    note: (text: string) => (out.stderr += `${text}\n`),
  };
  const code = await counters({ to: 'dir:.', state: undefined, ...request }, context, askGateway);
  return { code, ...out };
}

const KEYS = ['rl/a|a:192.0.2.1', 'rl/b|a:192.0.2.1', 'rl/c|a:192.0.2.1'];

describe('limits show and reset', () => {
  it('show says what counters say', async () => {
    const { code, stdout, stderr } = await ask({ action: 'show', keys: KEYS }, askLedger(usedLedger()));
    expect([code, stderr]).toEqual([0, '']);
    const [head = '', ...rows] = stdout.split('\n').filter((row) => row !== '');
    expect(head).toMatch(/^KEY +LIMIT +LEFT +IN USE +FULL AGAIN +NEXT$/);
    expect(rows[0]).toMatch(/^rl\/a\|a:192\.0\.2\.1 +50 per hour, burst 50 +0 +in 3,600 s +in 72 s$/);
    expect(rows[1]).toMatch(/^rl\/b\|a:192\.0\.2\.1 +3 at a time +1 +2 +in 30 s +now$/);
    expect(rows[2]).toMatch(/^rl\/c\|a:192\.0\.2\.1 +nothing is counted$/);
  });

  it('has stable members in JSON', async () => {
    const { stdout } = await ask({ action: 'show', keys: KEYS }, askLedger(usedLedger()), true);
    const none = { limit: null, words: null, remaining: null, resetMs: null, retryAfterMs: null };
    expect(JSON.parse(stdout)).toEqual({
      counters: [
        {
          key: KEYS[0],
          limit: HOURLY,
          words: '50 per hour, burst 50',
          remaining: 0,
          resetMs: 3_600_000,
          retryAfterMs: 72_000,
          inUse: null,
          unavailable: null,
        },
        expect.objectContaining({ key: KEYS[1], limit: THREE, remaining: 1, inUse: 2 }),
        { key: KEYS[2], ...none, inUse: null, unavailable: null },
      ],
    });
  });

  it('reset says what was there, and then nothing is', async () => {
    const ledger = usedLedger();
    const first = await ask({ action: 'reset', keys: KEYS.slice(0, 1) }, askLedger(ledger));
    expect(first).toMatchObject({ code: 0, stderr: 'Reset: these are the figures from before.\n' });
    expect(first.stdout).toContain('50 per hour, burst 50');
    const then = await ask({ action: 'show', keys: KEYS.slice(0, 2) }, askLedger(ledger));
    expect(then.stdout).toMatch(/^rl\/a\|\S+ +nothing is counted$/m);
    expect(then.stdout).toContain('3 at a time');
  });

  it('says which counters could not be asked', async () => {
    const lost: LimitAnswer = { outcomes: [{ unavailable: 'overloaded' }], atMs: NOW_MS, order: 1 };
    const some = await ask({ action: 'show', keys: KEYS.slice(0, 2) }, async (gateway, calls) => [
      lost,
      ...(await askLedger(usedLedger())(gateway, calls.slice(1))),
    ]);
    expect(some.code).toBe(3);
    expect(some.stdout).toContain('its object has too much to do');
    const none = await ask({ action: 'show', keys: KEYS.slice(0, 1) }, () => Promise.resolve([lost]), true);
    expect([none.code, JSON.parse(none.stdout)]).toEqual([
      1,
      { counters: [expect.objectContaining({ limit: null, unavailable: 'overloaded' })] },
    ]);
  });

  it.each([
    [{ to: 'dir:.' }, { command: 'serve', folder: '.' }],
    [{ to: 'local' }, { command: 'dev', folder: '.portolan/dev' }],
    [
      { to: 'local', state: 'other' },
      { command: 'dev', folder: 'other' },
    ],
  ])('asks the gateway of %j', async (place, { command, folder }) => {
    const stateFolder = join(cwd, folder);
    mkdirSync(stateFolder, { recursive: true });
    const asked: RunningGateway[] = [];
    await ask({ action: 'show', keys: KEYS, ...place }, (gateway, calls) => {
      asked.push(gateway);
      return askLedger(usedLedger())(gateway, calls);
    });
    expect(asked).toEqual([{ command, stateFolder }]);
    rmSync(join(cwd, '.portolan'), { recursive: true, force: true });
  });

  it.each([
    [['show', '--to', 'dir:.'], 2, 'needs a KEY'],
    [['reset', 'a|b'], 2, '--to dir:PATH'],
    [['show', 'a|b', '--to', 'somewhere'], 2, '--to dir:PATH'],
    [['show', 'nothing\u001b[31m', '--to', 'dir:.'], 2, 'is no key of a counter'],
    [['show', 'a|b', '--to', 'dir:.', '--rate', '1'], 2, 'takes no --rate'],
    [['list'], 2, 'Say what to do'],
    [['show', 'a|b', '--to', 'cloudflare'], 1, 'cannot be reached from outside'],
    [['show', 'a|b', '--to', 'dir:.', '--state', 'x'], 2, '--state goes with --to local'],
    [['plan', 'access.log', '--state', 'x'], 2, 'takes no --state'],
    [['reset', 'a|b', '--to', 'local'], 1, 'there is no folder .portolan/dev'],
    [['reset', 'a|b', '--to', 'local', '--state', '.'], 1, 'no `portolan dev` runs'],
    [['show', 'a|b', '--to', 'dir:./absent'], 1, 'there is no folder ./absent'],
    [['show', 'a|b', '--to', 'dir:.'], 1, 'no `portolan serve` runs'],
  ])('%j exits %i', async (argv, expected, message) => {
    const { code, stdout, stderr } = await run(['limits', ...argv], { cwd });
    expect([code, stdout]).toEqual([expected, '']);
    expect(stderr).toContain(message);
    // oxlint-disable-next-line no-control-regex
    expect(stderr).not.toMatch(/\u001b/);
  });
});
