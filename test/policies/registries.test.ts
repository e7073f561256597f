import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { POLICY_HANDLERS, policyHandler } from '../../src/policies/handlers.ts';
import { POLICY_LOWERINGS, policyLowering } from '../../src/policies/lowerings.ts';
import { POLICY_ORDER, policyOrder } from '../../src/policies/order.ts';

const folder = path.resolve(import.meta.dirname, '../../src/policies');
const built = fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
  const has = (file: string) => fs.existsSync(path.join(folder, entry.name, file));
  // Its second policy runs before authentication.
  return [...(has('handler.ts') ? [entry.name] : []), ...(has('early-handler.ts') ? [`${entry.name}-early`] : [])];
});

describe('policy lists', () => {
  it('name every policy folder exactly once', () => {
    expect(built.length).toBeGreaterThan(1);
    for (const list of [POLICY_ORDER, POLICY_LOWERINGS, POLICY_HANDLERS]) {
      expect(list.map(({ name }) => name).toSorted()).toEqual(built.toSorted());
    }
  });

  it('order by stage, each with its reason and what becomes of what it cannot decide', () => {
    const stages = POLICY_ORDER.map(({ stage }) => stage);
    expect(stages).toEqual(stages.toSorted((a, b) => a - b));
    for (const { reason, undecided } of POLICY_ORDER) {
      expect(Math.min(reason.length, undecided.length)).toBeGreaterThan(20);
    }
    expect(policyOrder('cors') ?? 99).toBeLessThan(policyOrder('rate-limit') ?? -1);
  });

  it('answer null for what does not exist', () => {
    expect([policyOrder('nope'), policyLowering('nope'), policyHandler('nope')]).toEqual([null, null, null]);
    expect(policyLowering('cors')?.name).toBe('cors');
    expect(policyHandler('rate-limit')?.name).toBe('rate-limit');
  });
});
