import { describe, expect, it } from 'vitest';
import type { AccessEntry } from '../../src/access-log/entry.ts';
import { needsOf, tells } from '../../src/access-log/log-needs.ts';
import { LimitPlan } from '../../src/access-log/plan-limits.ts';
import { LogTally } from '../../src/access-log/read-log.ts';
import { logFindings } from '../../src/commands/limits-findings.ts';
import type { CompiledLimit, CompiledRateLimit } from '../../src/policies/rate-limit/compiled.ts';

const MINUTE = { algorithm: 'fixed-window', rate: 1, periodMs: 60_000 } as const;
const NONE = { address: null, host: null, consumer: null, apiKey: null, country: null, route: null, durationMs: null };

const entry = (more: Partial<AccessEntry>): AccessEntry => ({
  ...NONE,
  atMs: 1_700_000_000_000,
  method: 'GET',
  target: '/',
  others: {},
  ...more,
});

async function findingsOf(limit: Partial<CompiledLimit>, entries: readonly AccessEntry[], tally = new LogTally()) {
  const config: CompiledRateLimit = { limits: [{ label: 'plan', counter: 'rl/x', limit: MINUTE, ...limit }] };
  const plan = new LimitPlan(config);
  for (const one of entries) await plan.add(one);
  const seen = (name: string): number => entries.filter((one) => tells(one, name)).length;
  const sightings = new Map(needsOf(config).names.map((name) => [name, seen(name)]));
  return logFindings({ logs: [{ file: 'a.log', tally }], plan, config, sightings });
}

describe('logFindings', () => {
  it('what no line says is told: everybody counted as one is no plan', async () => {
    const key = [
      { from: 'header', name: 'X-Tenant' },
      { from: 'country' },
      { from: 'claim', path: ['org', 'id'] },
    ] as const;
    const findings = await findingsOf({ key }, [entry({ address: '192.0.2.1' })]);
    expect(findings.map(({ code, hint }) => [code, hint])).toEqual([
      ['log-field-missing', 'Log it, and name its field: --field header:x-tenant=PATH.'],
      ['log-field-missing', 'Log it, and name its field: --field country=PATH.'],
      ['log-field-missing', 'Log it, and name its field: --field claim:org.id=PATH.'],
    ]);
    const said = entry({
      address: '192.0.2.1',
      country: 'DE',
      others: { 'header:x-tenant': 'a', 'claim:org.id': '7' },
    });
    expect(await findingsOf({ key }, [entry({ address: '192.0.2.1' }), said])).toEqual([]);
  });

  it('tells of slots that nobody knows the end of', async () => {
    const limit = { algorithm: 'concurrency', rate: 1 } as const;
    const entries = [entry({ address: '192.0.2.1', durationMs: 5 }), entry({ address: '192.0.2.2' })];
    const tally = new LogTally();
    tally.hasFractions = true;
    expect(await findingsOf({ limit }, entries, tally)).toMatchObject([
      { severity: 'warning', code: 'log-duration-missing', message: expect.stringContaining('1 request ') },
    ]);
  });

  it('one finding for each reason, with the first line of it', async () => {
    const tally = new LogTally();
    for (const [reason, text] of [
      ['b', 'first'],
      ['b', 'second'],
      ['a', 'x'.repeat(1_000)],
    ] as const) {
      tally.lines += 1;
      tally.skip(reason, text);
    }
    const findings = await findingsOf({}, [entry({ address: '192.0.2.1' })], tally);
    expect(findings.map(({ source }) => source?.line)).toEqual([1, 3]);
    expect(findings[0]?.message).toBe('2 lines of 3 lines tell of no request: b. The first: first');
    expect(findings[1]?.message.length).toBeLessThan(300);
  });
});
