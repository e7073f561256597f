/** Bundles src/worker.ts into the one module that workerd loads. Used by `dev`, by the build and by the bundle test. */
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

export type WorkerBundle = {
  readonly code: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Files the bundle was made of, relative to the project's folder, sorted. */
  readonly inputs: readonly string[];
};

const root = path.resolve(import.meta.dirname, '..');

/**
 * @throws Error with esbuild's message when the Worker does not bundle, for example because it
 * imports something that only Node has
 */
export async function bundleWorker(options: { readonly minify: boolean }): Promise<WorkerBundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [path.join(root, 'src', 'worker.ts')],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    // Neutral: a `node:` import is then an error instead of a silent external.
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*'],
    target: 'es2024',
    minify: options.minify,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'silent',
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
