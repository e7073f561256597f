/**
 * The measurement at small size, over real processes. Asserts nothing that a slow machine could break:
 * budgets are far longer than any decision takes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccuracyStand } from './accuracy-stand.ts';
import { isPassed } from './closed-load.ts';
import { missedBy, runExact } from './exact-part.ts';
import { missedBySeveral, runSeveral } from './several-part.ts';

const BUDGET_MS = 10_000;
const SECONDS = 2;

let stand: AccuracyStand;
beforeAll(async () => {
  stand = await AccuracyStand.start(4);
});
afterAll(() => stand.close());

describe('exact limits over four edge processes', () => {
  it('decide as the naive models do, whatever the algorithm', async () => {
    const run = await runExact(stand, { run: 'small', concurrency: 40, seconds: SECONDS, budgetMs: BUDGET_MS });
    expect(missedBy(run)).toEqual([]);
    // The load was one that limits.
    expect(run.asked.filter(isPassed).length).toBeGreaterThan(10);
    expect(run.asked.filter((each) => !isPassed(each)).length).toBeGreaterThan(0);
    expect(new Set(run.asked.map(({ answer }) => answer.process)).size).toBe(4);
  });

  it.each([false, true])('take from all limits of a request or from none, apart: %s', async (apart) => {
    const options = { run: `small-${apart}`, apart, concurrency: 20, seconds: SECONDS, budgetMs: BUDGET_MS };
    const run = await runSeveral(stand, options);
    expect(missedBySeveral(run)).toEqual([]);
    if (apart) expect(run.objects).toBeGreaterThan(1);
    expect(run.asked.filter(isPassed).length).toBeGreaterThan(10);
    expect(run.asked.filter((each) => !isPassed(each)).length).toBeGreaterThan(0);
    if (!apart) expect(run.byReservation).toBe(0);
  });
});
