/** Bundles a Worker that Portolan is compared with, as wrangler would. */
import * as path from 'node:path';
import { build } from 'esbuild';
import { WORKER_BUILD } from '../../scripts/bundle-worker.ts';

/** @param entry file of this folder */
export async function bundleBaseline(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [path.join(import.meta.dirname, entry)],
    ...WORKER_BUILD,
    minify: true,
  });
  return result.outputFiles[0]?.text ?? '';
}
