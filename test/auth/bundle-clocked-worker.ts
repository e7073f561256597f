import * as path from 'node:path';
import { build } from 'esbuild';
import { WORKER_BUILD } from '../../scripts/bundle-worker.ts';

/** A request with it moves the clock of the process for good; its value is milliseconds. */
export const CLOCK_HEADER = 'x-move-clock-ms';

/**
 * The Worker, with a clock that can be set forward: hours of an outage pass in a moment, everything else
 * is what `serve` runs.
 */
export async function bundleClockedWorker(): Promise<string> {
  const contents = `
    import worker from './worker.ts';
    export { Control, Limiter, RateLimitObject } from './worker.ts';
    const realNow = Date.now;
    let aheadMs = 0;
    Date.now = () => realNow() + aheadMs;
    export default {
      fetch: (request, env, context) => {
        const move = request.headers.get('${CLOCK_HEADER}');
        if (move === null) return worker.fetch(request, env, context);
        aheadMs += Number(move);
        return new Response(String(Date.now()));
      },
    };`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: path.resolve(import.meta.dirname, '..', '..', 'src'), loader: 'ts' },
    ...WORKER_BUILD,
  });
  return outputFiles[0]?.text ?? '';
}
