/** One read of the namespace KEYS, which must not hold a request for longer than a client waits. */
import type { PolicyRuntime } from '../contract.ts';

const TIMEOUT_MS = 2_000;

/** Rejects when the namespace cannot be asked, or has not answered in time. */
export async function readKey(keys: PolicyRuntime['keys'], name: string): Promise<string | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return Promise.race([keys.get(name), late]).finally(() => {
    if (timer !== undefined) clearTimeout(timer);
  });
}
