import { describe, expect, it } from 'vitest';
import type { Limit } from '../../src/limits/limit.ts';
import { judge } from './judge.ts';
import type { DecidedCheck, Decision } from './protocol.ts';

const ONE: Limit = { algorithm: 'fixed-window', rate: 1, periodMs: 1_000 };

type Written = Partial<Omit<Decision, 'checks'>> & {
  readonly kind: Decision['kind'];
  readonly keys?: readonly string[];
  readonly limit?: Limit;
  readonly allowed?: boolean;
};

/** Decisions of one object in this order, at one time unless they say another. */
function decisions(...written: readonly Written[]): readonly Decision[] {
  return written.map(decisionOf);
}

function decisionOf(written: Written, at: number): Decision {
  const { keys = ['a'], limit = ONE, allowed = true, kind, id = null, atMs = 0 } = written;
  const waitMs = allowed ? 0 : 1_000;
  const checks = keys.map((key): DecidedCheck => ({
    tag: at,
    key,
    limit,
    cost: 1,
    allowed,
    resetMs: waitMs,
    retryAfterMs: waitMs,
  }));
  return { object: 'object', order: at + 1, atMs, kind, id, checks };
}

describe('judge', () => {
  it('finds nothing where the object did as the specification says', () => {
    const found = judge(decisions({ kind: 'take' }, { kind: 'take', allowed: false }, { kind: 'take', atMs: 1_000 }));
    expect(found).toMatchObject({ over: 0, wrong: 0, missing: 0 });
    expect(found.judged.map(({ passed }) => passed)).toEqual([true, false, true]);
  });

  it('finds what should not have passed and what should not have been refused', () => {
    expect(judge(decisions({ kind: 'take' }, { kind: 'take' }))).toMatchObject({ over: 1, wrong: 0 });
    expect(judge(decisions({ kind: 'take', allowed: false }))).toMatchObject({ over: 0, wrong: 1 });
    expect(judge(decisions({ kind: 'take', keys: ['a', 'b'] }, { kind: 'take', keys: ['b'] }))).toMatchObject({
      over: 1,
    });
  });

  it('goes by the order and not by how they came, and misses what is not there', () => {
    const [first, second, third] = decisions(
      { kind: 'take' },
      { kind: 'take', allowed: false },
      { kind: 'take', allowed: false },
    );
    if (first === undefined || second === undefined || third === undefined) throw new Error('three');
    expect(judge([third, first, second])).toMatchObject({ over: 0, wrong: 0, missing: 0 });
    expect(judge([third, first])).toMatchObject({ missing: 1 });
  });

  it('counts a held place, and tells the refusals that it caused from others', () => {
    const held: readonly Written[] = [
      { kind: 'reserve', id: 'r' },
      { kind: 'take', allowed: false },
    ];
    const released = judge(decisions(...held, { kind: 'release', id: 'r' }, { kind: 'take' }));
    expect(released).toMatchObject({ over: 0, wrong: 0 });
    expect(released.judged[1]).toMatchObject({ passed: false, expected: false, foreseen: true });
    const committed = judge(decisions(...held, { kind: 'commit', id: 'r' }, { kind: 'take', allowed: false }));
    expect(committed).toMatchObject({ over: 0, wrong: 0 });
    expect(committed.judged[1]).toMatchObject({ passed: false, expected: false, foreseen: false });
    expect(judge(decisions(...held, { kind: 'commit', id: 'r' }, { kind: 'take' }))).toMatchObject({ over: 1 });
  });

  it('lets a place lapse that nobody settles', () => {
    const limit: Limit = { algorithm: 'fixed-window', rate: 1, periodMs: 60_000 };
    const lapsing = decisions(
      { kind: 'reserve', id: 'r', limit },
      { kind: 'take', limit, atMs: 4_999, allowed: false },
      { kind: 'take', limit, atMs: 5_000 },
    );
    expect(judge(lapsing)).toMatchObject({ over: 0, wrong: 0 });
  });

  it('follows slots', () => {
    const limit: Limit = { algorithm: 'concurrency', rate: 1 };
    const slots = decisions(
      { kind: 'take', id: 'x', limit },
      { kind: 'take', id: 'y', limit, allowed: false },
      { kind: 'free', id: 'x', limit },
      { kind: 'take', id: 'y', limit },
      { kind: 'take', id: 'z', limit },
    );
    expect(judge(slots)).toMatchObject({ over: 1, wrong: 0 });
  });

  it('measures the figures of refusals', () => {
    const [first, second] = decisions({ kind: 'take', atMs: 100 }, { kind: 'take', atMs: 300, allowed: false });
    if (first === undefined || second === undefined) throw new Error('two');
    expect(judge([first, second]).judged[1]).toMatchObject({ retryErrorMs: 300, resetErrorMs: 300 });
  });
});
