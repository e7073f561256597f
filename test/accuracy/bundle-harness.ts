import * as path from 'node:path';
import { build } from 'esbuild';
import { WORKER_BUILD } from '../../scripts/bundle-worker.ts';

/** A Worker of this folder as the one module that workerd loads, bundled like the real one. */
export async function bundleHarness(file: 'edge-worker.ts' | 'objects-worker.ts'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(import.meta.dirname, file)],
    ...WORKER_BUILD,
    minify: true,
  });
  return outputFiles[0]?.text ?? '';
}
