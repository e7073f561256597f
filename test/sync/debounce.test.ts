import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { Debounce } from '../../src/sync/debounce.ts';
import { VirtualTime } from './virtual-time.ts';

function waiting(debounce: Debounce, stop: AbortController): { isDue: boolean } {
  const state = { isDue: false };
  void debounce.due(stop.signal).then(() => (state.isDue = true));
  return state;
}

it('acts after a quiet moment, but never later than a second after the first change', async () => {
  const time = new VirtualTime();
  const debounce = new Debounce(time.clock(0, () => 0));
  const stop = new AbortController();
  const first = waiting(debounce, stop);
  await time.run(10_000);
  expect(first.isDue).toBe(false);
  debounce.touch();
  await time.run(49);
  expect(first.isDue).toBe(false);
  await time.run(1);
  expect(first.isDue).toBe(true);

  const second = waiting(debounce, stop);
  for (let passedMs = 0; passedMs < 1_000; passedMs += 40) {
    expect(second.isDue).toBe(false);
    debounce.touch();
    await time.run(40);
  }
  expect(second.isDue).toBe(true);
});

it('waits a thousand times without leaving anything behind, and ends when aborted', async () => {
  const time = new VirtualTime();
  const debounce = new Debounce(time.clock(0, () => 0));
  const stop = new AbortController();
  for (let count = 0; count < 1_000; count += 1) {
    const next = waiting(debounce, stop);
    await time.run(1);
    debounce.touch();
    await time.run(50);
    expect(next.isDue).toBe(true);
  }
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  const last = waiting(debounce, stop);
  stop.abort();
  await time.run(0);
  expect(last.isDue).toBe(true);
});
