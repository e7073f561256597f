/** Bundles a Worker that Portolan is compared with, as wrangler would. */
import * as path from 'node:path';
import { build } from 'esbuild';

/** @param entry file of this folder */
export async function bundleBaseline(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [path.join(import.meta.dirname, entry)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*'],
    target: 'es2024',
    minify: true,
  });
  return result.outputFiles[0]?.text ?? '';
}
