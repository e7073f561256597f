/** Slots are held from admission to the last byte, whatever fails meanwhile. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SLOT_MS } from '../../src/limits/calls.ts';
import { LimitHomes } from '../../src/objects/limit-homes.ts';
import { createRateLimiter } from '../../src/objects/rate-limiter.ts';
import { check, HeldWork, homeOf, MemoryHomes, platformError } from './memory-homes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const ONE = { algorithm: 'concurrency', rate: 1 } as const;
const here = (change = {}) => check('one|a', ONE, change);
const there = (change = {}) => check('one|b', ONE, change);

function stand() {
  const homes = new MemoryHomes();
  const work = new HeldWork();
  const limiter = createRateLimiter(new LimitHomes({ homeOf, send: homes.send }));
  const take = async (...checks: ReturnType<typeof here>[]) => limiter.take(checks, work.waitUntil);
  const passes = async (...checks: ReturnType<typeof here>[]) => {
    const { verdicts, endSlots } = await take(...checks);
    endSlots?.();
    await vi.advanceTimersByTimeAsync(0);
    return verdicts.every((verdict) => 'allowed' in verdict && verdict.allowed);
  };
  return { homes, work, take, passes };
}

it.each([[[here()]], [[here(), there()]]])('is held while the request lasts, and free when it ends', async (checks) => {
  const { take, passes, work } = stand();
  const { endSlots } = await take(...checks);
  for (let second = 0; second < 2 * (SLOT_MS / 1_000); second += 1) {
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await passes(...checks)).toBe(false);
  }
  endSlots?.();
  endSlots?.();
  await work.settled();
  expect(await passes(...checks)).toBe(true);
});

it('lapses when the call that frees it fails', async () => {
  const { homes, take, passes } = stand();
  const { endSlots } = await take(here());
  homes.script = ({ calls }, carryOut) =>
    calls.some(({ kind }) => kind === 'free') ? Promise.reject(platformError({})) : carryOut();
  endSlots?.();
  await vi.advanceTimersByTimeAsync(SLOT_MS - 1);
  expect(await passes(here())).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await passes(here())).toBe(true);
});

it('is null when the request was refused, and nothing is held of the others', async () => {
  const { take, passes } = stand();
  await take(there());
  expect(await take(here(), there())).toMatchObject({
    verdicts: [{ allowed: true }, { allowed: false }],
    endSlots: null,
  });
  expect(await passes(here())).toBe(true);
});

it('is null when it could not be asked for, and freed in case it was held all the same', async () => {
  const { homes, take, passes, work } = stand();
  homes.script = async (_, carryOut) => {
    const answers = carryOut();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return answers;
  };
  const taken = take(here());
  await vi.advanceTimersByTimeAsync(2_005);
  expect(await taken).toEqual({ verdicts: [{ undecided: 'open', why: 'late' }], endSlots: null });
  homes.script = (_, carryOut) => carryOut();
  await vi.advanceTimersByTimeAsync(5_000);
  await work.settled();
  expect(await passes(here())).toBe(true);
});
