import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessEntry } from '../../src/access-log/entry.ts';
import { inOrder, WINDOW_ENTRIES, WINDOW_MS } from '../../src/access-log/in-order.ts';
import { TimeQueue } from '../../src/access-log/time-queue.ts';

const START_MS = 1_700_000_000_000;

function entryAt(atMs: number, target = '/'): AccessEntry {
  const none = { address: null, method: null, host: null, consumer: null, apiKey: null, country: null, route: null };
  return { ...none, atMs, durationMs: null, target, others: {} };
}

async function* batches(entries: readonly AccessEntry[], size = 3): AsyncGenerator<readonly AccessEntry[]> {
  for (let at = 0; at < entries.length; at += size) yield entries.slice(at, at + size);
}

async function timesOf(files: readonly AsyncIterable<readonly AccessEntry[]>[]): Promise<readonly number[]> {
  const times: number[] = [];
  for await (const { atMs } of inOrder(files)) times.push(atMs - START_MS);
  return times;
}

describe('inOrder', () => {
  it('merges files, and sorts what is out of order by less than the window', async () => {
    const offsets = fc.array(fc.tuple(fc.nat(10_000), fc.nat(WINDOW_MS - 1)), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.array(offsets, { maxLength: 4 }), async (files) => {
        let writtenMs = START_MS;
        const logs = files.map((lines) => {
          writtenMs = START_MS;
          return lines.map(([laterMs, tookMs]) => entryAt((writtenMs += laterMs) - tookMs));
        });
        const times = await timesOf(logs.map((log) => batches(log)));
        const all = logs.flat().map(({ atMs }) => atMs - START_MS);
        expect(times).toEqual(all.toSorted((a, b) => a - b));
      }),
    );
  });

  it('gives what comes later than that where it comes', async () => {
    const log = [0, WINDOW_MS * 2, 5, WINDOW_MS * 4].map((offset) => entryAt(START_MS + offset));
    expect(await timesOf([batches(log, 1)])).toEqual([0, 5, WINDOW_MS * 2, WINDOW_MS * 4]);
    const late = [0, WINDOW_MS * 2, WINDOW_MS * 4, 5].map((offset) => entryAt(START_MS + offset));
    expect(await timesOf([batches(late, 1)])).toEqual([0, WINDOW_MS * 2, 5, WINDOW_MS * 4]);
  });

  it('holds no more than the window of a log that does not move', async () => {
    let read = 0;
    const batch = Array.from({ length: 1_000 }, () => entryAt(START_MS));
    async function* still(): AsyncGenerator<readonly AccessEntry[]> {
      for (let count = 0; count < 2_000; count += 1) {
        read += batch.length;
        yield batch;
      }
    }
    for await (const _ of inOrder([still()])) break;
    expect(read).toBeLessThanOrEqual(WINDOW_ENTRIES + 2 * batch.length);
  });
});

describe('TimeQueue', () => {
  it('gives the earliest, of equals the first', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(20), fc.constant(null))), (steps) => {
        const queue = new TimeQueue<readonly [number, number]>();
        let model: (readonly [number, number])[] = [];
        for (const [order, atMs] of steps.entries()) {
          if (atMs === null) {
            expect(queue.nextMs).toBe(model[0]?.[0] ?? Infinity);
            expect(queue.pop()).toEqual(model.shift());
          } else {
            queue.push(atMs, [atMs, order]);
            model = [...model, [atMs, order] as const].toSorted(([a, x], [b, y]) => a - b || x - y);
          }
          expect(queue.size).toBe(model.length);
        }
      }),
    );
  });
});
