import type { Limit } from '../limit.ts';
import type { Algorithm } from './algorithm.ts';
import { calendar } from './calendar.ts';
import { concurrency } from './concurrency.ts';
import { fixedWindow } from './fixed-window.ts';
import { slidingWindow } from './sliding-window.ts';
import { tokenBucket } from './token-bucket.ts';

const ALGORITHMS: { readonly [name in Limit['algorithm']]: Algorithm } = {
  'token-bucket': tokenBucket,
  'fixed-window': fixedWindow,
  'sliding-window': slidingWindow,
  calendar,
  concurrency,
};

export function algorithmOf(limit: Limit): Algorithm {
  return ALGORITHMS[limit.algorithm];
}

/** Says the other limit the same? Limits come by RPC, so they are never the same object. */
export function sameLimit(one: Limit, other: Limit): boolean {
  if (one === other) return true;
  if (one.rate !== other.rate) return false;
  if (one.algorithm === 'concurrency') return other.algorithm === 'concurrency';
  if (one.algorithm === 'calendar') {
    return other.algorithm === 'calendar' && one.per === other.per && one.zone === other.zone;
  }
  if (other.algorithm !== one.algorithm || one.periodMs !== other.periodMs) return false;
  return one.algorithm !== 'token-bucket' || (other.algorithm === 'token-bucket' && one.burst === other.burst);
}
