/** Bundles src/worker.ts into the one module that workerd loads. Used by `dev`, by the build and by the bundle test. */
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type BuildOptions } from 'esbuild';

export type WorkerBundle = {
  readonly code: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Files the bundle was made of, relative to the project's folder, sorted. */
  readonly inputs: readonly string[];
};

/** What makes one module that workerd loads, of whatever entry. */
export const WORKER_BUILD = {
  bundle: true,
  write: false,
  format: 'esm',
  // Neutral: a `node:` import is then an error instead of a silent external.
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['workerd', 'worker', 'browser'],
  external: ['cloudflare:*'],
  target: 'es2024',
  logLevel: 'silent',
} as const satisfies BuildOptions;

const root = path.resolve(import.meta.dirname, '..');

/**
 * @throws Error with esbuild's message when the Worker does not bundle, for example because it
 * imports something that only Node has
 */
export async function bundleWorker(options: { readonly minify: boolean }): Promise<WorkerBundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [path.join(root, 'src', 'worker.ts')],
    ...WORKER_BUILD,
    metafile: true,
    minify: options.minify,
    legalComments: 'none',
    charset: 'utf8',
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error('esbuild wrote no output for src/worker.ts.');
  return {
    code: output.text,
    bytes: output.contents.byteLength,
    gzipBytes: gzipSync(output.contents, { level: 9 }).byteLength,
    inputs: Object.keys(result.metafile.inputs).toSorted(),
  };
}
