/** Slots: held by name from admission to the last byte. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RESERVATION_MS, SLOT_MS, SLOT_RENEWAL_MS } from '../../src/limits/calls.ts';
import { idleAtMs } from '../../src/limits/ledger.ts';
import type { Figures } from '../../src/limits/limit.ts';
import { aCheck, figuresOf, KEY, VirtualLedger } from './virtual-ledger.ts';

const TWO = { algorithm: 'concurrency', rate: 2 } as const;

function settle(ledger: VirtualLedger, kind: 'renew' | 'free', slot: string): Figures | undefined {
  return figuresOf(ledger.ledger.decide({ kind, checks: [aCheck(TWO)], slot }, ledger.nowMs))[0];
}

function remainingOf(ledger: VirtualLedger): number | undefined {
  return settle(ledger, 'free', 'nobody')?.remaining;
}

describe('concurrency', () => {
  it('admits as many as have slots, and another one when one is freed', () => {
    const ledger = new VirtualLedger();
    expect(ledger.take(TWO, 1, 'a')).toMatchObject({ allowed: true, remaining: 1 });
    expect(ledger.take(TWO, 1, 'b')).toMatchObject({ allowed: true, remaining: 0 });
    const { writes } = ledger.store;
    expect(ledger.take(TWO, 1, 'c')).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 1_000 });
    expect(ledger.store.writes).toBe(writes);
    expect(settle(ledger, 'free', 'a')).toMatchObject({ remaining: 1 });
    expect(ledger.take(TWO, 1, 'c').allowed).toBe(true);
    for (const slot of ['b', 'c', 'c', 'unknown']) settle(ledger, 'free', slot);
    expect(ledger.store.rows.size).toBe(0);
  });

  it('gives a request one slot however often it asks', () => {
    const ledger = new VirtualLedger();
    for (let time = 0; time < 3; time += 1) {
      expect(ledger.take(TWO, 1, 'a')).toMatchObject({ allowed: true, remaining: 1 });
    }
    const twice = figuresOf(ledger.takeAll([aCheck(TWO), aCheck(TWO)], 'b'));
    expect(twice.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 0],
      [true, 0],
    ]);
  });

  it('frees a slot that was not renewed, and gives one back that was renewed too late', () => {
    const ledger = new VirtualLedger();
    ledger.take(TWO, 1, 'a');
    ledger.take(TWO, 1, 'b');
    for (let elapsedMs = 0; elapsedMs < SLOT_MS; elapsedMs += SLOT_RENEWAL_MS) {
      ledger.nowMs += SLOT_RENEWAL_MS;
      settle(ledger, 'renew', 'a');
    }
    expect(ledger.take(TWO, 1, 'c').allowed).toBe(true);
    // The third is over the limit, and there all the same.
    settle(ledger, 'renew', 'b');
    expect(ledger.take(TWO, 1, 'd')).toMatchObject({ allowed: false, remaining: 0 });
    settle(ledger, 'free', 'a');
    expect(ledger.take(TWO, 1, 'd').allowed).toBe(false);
    settle(ledger, 'free', 'b');
    expect(ledger.take(TWO, 1, 'd').allowed).toBe(true);
  });

  it('never has more slots out than the limit, and is idle when the last is free', () => {
    const step = fc.record({
      gapMs: fc.integer({ min: 0, max: 12_000 }),
      kind: fc.constantFrom('take' as const, 'free' as const, 'renew' as const),
      slot: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const ledger = new VirtualLedger();
        const model = new Map<string, number>();
        for (const { gapMs, kind, slot } of steps) {
          ledger.nowMs += gapMs;
          for (const [id, untilMs] of model) if (untilMs <= ledger.nowMs) model.delete(id);
          if (kind === 'take') {
            const { allowed } = ledger.take(TWO, 1, slot);
            expect(allowed).toBe(model.has(slot) || model.size < TWO.rate);
            if (allowed) model.set(slot, ledger.nowMs + SLOT_MS);
          } else {
            // A renewal brings back what was lost; here only what is held renews.
            if (kind === 'renew' && !model.has(slot)) continue;
            settle(ledger, kind, slot);
            if (kind === 'free') model.delete(slot);
            else model.set(slot, ledger.nowMs + SLOT_MS);
          }
          const counter = ledger.store.get(KEY);
          if (model.size > 0) expect(counter === null ? 0 : idleAtMs(counter)).toBe(Math.max(...model.values()));
          else expect(ledger.show()).toBeNull();
        }
      }),
    );
  });

  it('holds the slot of a reservation under its id', () => {
    const ledger = new VirtualLedger();
    const check = aCheck(TWO);
    // Named twice, it is one slot all the same.
    expect(ledger.settle('reserve', 'a', check, check)[1]).toMatchObject({ allowed: true, remaining: 1 });
    ledger.take(TWO, 1, 'b');
    expect(ledger.take(TWO, 1, 'c').allowed).toBe(false);
    ledger.settle('commit', 'a', check);
    expect(ledger.take(TWO, 1, 'c').allowed).toBe(false);
    settle(ledger, 'free', 'a');
    expect(ledger.take(TWO, 1, 'c').allowed).toBe(true);
  });

  it('leaves nothing of a reservation that was released, has lapsed or ended before its commit', () => {
    const ledger = new VirtualLedger();
    const check = aCheck(TWO);
    ledger.settle('reserve', 'a', check);
    ledger.settle('release', 'a', check);
    ledger.settle('reserve', 'b', check);
    ledger.nowMs += RESERVATION_MS;
    ledger.settle('reserve', 'c', check);
    settle(ledger, 'free', 'c');
    expect(remainingOf(ledger)).toBe(2);
    ledger.settle('commit', 'c', check);
    expect(ledger.store.rows.size).toBe(0);
    expect(ledger.take(TWO, 1, 'd')).toMatchObject({ allowed: true, remaining: 1 });
  });

  it('holds nobody longer than SLOT_MS after a clock set back', () => {
    const ledger = new VirtualLedger();
    ledger.take(TWO, 1, 'a');
    ledger.take(TWO, 1, 'b');
    ledger.nowMs -= 86_400_000;
    expect(ledger.take(TWO, 1, 'c').allowed).toBe(false);
    ledger.nowMs += SLOT_MS;
    expect(ledger.take(TWO, 1, 'c').allowed).toBe(true);
  });

  it('is not asked without a name, owed or leased', () => {
    const ledger = new VirtualLedger();
    expect(() => ledger.take(TWO)).toThrow(/without a slot/);
    const lease = { kind: 'lease', checks: [aCheck(TWO)], holder: 'h', wanted: 1, unspent: 0 } as const;
    expect(() => ledger.ledger.decide(lease, ledger.nowMs)).toThrow(/cannot be leased/);
    expect(ledger.charge(TWO, 5)).toMatchObject({ remaining: 2 });
    expect(ledger.store.writes).toBe(0);
  });
});
