/** The fault scenarios with fewer repetitions; `npm run faults` runs them in full. docs/faults.md says what each does. */
import { describe, expect, it } from 'vitest';
import type { Scenario } from './scenario.ts';

const LIMIT_MS = 60_000;

const SCENARIOS: Readonly<Record<string, () => Promise<{ readonly run: Scenario }>>> = {
  'F1: a backend is killed before it answers': () => import('./f01-backend-killed.ts'),
  'F2: a backend is killed in the middle of a body': () => import('./f02-backend-cut.ts'),
  'F3: a backend never answers': () => import('./f03-black-hole.ts'),
  'F8: the store is gone, the gateway is warm': () => import('./f08-kv-gone-warm.ts'),
  'F9: the store is gone when the gateway starts': () => import('./f09-kv-gone-cold.ts'),
  'F10: the store is slow and says no': () => import('./f10-kv-slow.ts'),
  'F11: the store shows old values': () => import('./f11-kv-stale.ts'),
  'F12: the publisher is killed': () => import('./f12-publisher-killed.ts'),
  'F13: values are damaged': () => import('./f13-corrupt-values.ts'),
  'F14: the pointer is forged': () => import('./f14-forged-pointer.ts'),
  'F23: clients are slow': () => import('./f23-slow-clients.ts'),
};

describe('faults', () => {
  it.each(Object.entries(SCENARIOS))(
    '%s',
    async (_, load) => {
      const { run } = await load();
      const figures = await run({ scale: 'short' });
      expect(figures.broken).toEqual([]);
      expect(figures.ok).toBe(true);
    },
    LIMIT_MS,
  );
});
