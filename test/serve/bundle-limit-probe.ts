import * as path from 'node:path';
import { build } from 'esbuild';
import { WORKER_BUILD } from '../../scripts/bundle-worker.ts';

/** limit-probe-worker.ts as the one module that workerd loads, bundled like the Worker itself. */
export async function bundleLimitProbe(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(import.meta.dirname, 'limit-probe-worker.ts')],
    ...WORKER_BUILD,
  });
  return outputFiles[0]?.text ?? '';
}
