/** An outage of the service concerns every request; the log needs to hear of it, not once per request. */
import type { Json } from '../../../model/route-model.ts';
import type { PolicyRuntime } from '../../contract.ts';

const LOG_INTERVAL_MS = 10_000;

type Outage = { lastLoggedMs: number; suppressed: number };
/** One budget per service for all routes of one gateway. */
const outages = new WeakMap<PolicyRuntime, Map<string, Outage>>();

export function logOutage(runtime: PolicyRuntime, upstream: string, fields: Readonly<Record<string, Json>>): void {
  const now = runtime.now();
  const ofRuntime = outages.get(runtime) ?? new Map<string, Outage>();
  outages.set(runtime, ofRuntime);
  const outage = ofRuntime.get(upstream) ?? { lastLoggedMs: -Infinity, suppressed: 0 };
  ofRuntime.set(upstream, outage);
  // A clock set back must not silence the log, hence the absolute difference.
  if (Math.abs(now - outage.lastLoggedMs) < LOG_INTERVAL_MS) {
    outage.suppressed += 1;
    return;
  }
  runtime.log('external-auth-unavailable', { upstream, ...fields, suppressed: outage.suppressed });
  outage.lastLoggedMs = now;
  outage.suppressed = 0;
}
