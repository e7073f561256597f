/**
 * `node --expose-gc match-heap.ts STATE COUNT PER_HOSTNAME`: heap and buffers that a loaded program takes, in bytes.
 * A process of its own, because the bench has built the same program and would be measured with it.
 */
import { findRoute, openStoredView, requestsOf } from './match-bench.ts';

const [state = '', count = '0', perHostname = '0'] = process.argv.slice(2);

function usedBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const requests = requestsOf('all', Number(count), Number(perHostname));
const before = usedBytes();
const view = await openStoredView(state);
for (const facts of requests) await findRoute(view, facts);
process.stdout.write(String(usedBytes() - before));
// Held until here.
if (view.version === '' || requests.length === 0) process.exitCode = 1;
