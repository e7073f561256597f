/** The slot that a request holds of concurrency limits, from its admission to its last byte. */
import { type Check, SLOT_RENEWAL_MS } from '../limits/calls.ts';
import type { WaitUntil } from '../limits/limiter.ts';
import type { LimitClient } from './limit-client.ts';

export type RequestSlot = { readonly checks: readonly Check[]; readonly slot: string };

/**
 * Renews the slot until the returned function is called, and then frees it. Where that function is
 * never called, or its call fails, the slot lapses SLOT_MS after the last renewal.
 */
export function holdSlot({ checks, slot }: RequestSlot, client: LimitClient, waitUntil: WaitUntil): () => void {
  const ended = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let renewal: Promise<unknown> = Promise.resolve();
  let hasEnded = false;
  const renewLater = () => {
    timer = setTimeout(() => {
      renewal = client.decide([{ kind: 'renew', checks, slot }], waitUntil);
      renewLater();
    }, SLOT_RENEWAL_MS);
  };
  renewLater();
  waitUntil(ended.promise);
  return () => {
    if (hasEnded) return;
    hasEnded = true;
    if (timer !== null) clearTimeout(timer);
    // After a renewal that is under way: it would hold the slot anew.
    waitUntil(renewal.then(() => client.decide([{ kind: 'free', checks, slot }], waitUntil)));
    ended.resolve();
  };
}
