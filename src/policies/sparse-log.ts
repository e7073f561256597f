/** Lines that every request of an outage would write alike: one per subject and while, with how many were left out. */
import type { Json } from '../model/route-model.ts';
import type { PolicyRuntime } from './contract.ts';

const INTERVAL_MS = 10_000;

type LogPorts = Pick<PolicyRuntime, 'log' | 'now'>;
type Line = { writtenMs: number; suppressed: number };

/** One budget for all routes of one gateway. */
const linesOf = new WeakMap<LogPorts, Map<string, Line>>();

/** `fields` hold nothing that a client sent. @param subject what has a budget of its own beside the event, for example an upstream */
export function logSparsely(
  runtime: LogPorts,
  event: string,
  fields: Readonly<Record<string, Json>>,
  subject = '',
): void {
  const lines = linesOf.get(runtime) ?? new Map<string, Line>();
  linesOf.set(runtime, lines);
  const key = `${event} ${subject}`;
  const now = runtime.now();
  const line = lines.get(key);
  // A clock set back must not silence the log, hence the absolute difference.
  if (line !== undefined && Math.abs(now - line.writtenMs) < INTERVAL_MS) {
    line.suppressed += 1;
    return;
  }
  runtime.log(event, { ...fields, suppressed: line?.suppressed ?? 0 });
  lines.set(key, { writtenMs: now, suppressed: 0 });
}
