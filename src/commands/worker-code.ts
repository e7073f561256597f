/** The Worker that `dev` and `serve` run: bundled from source in the project itself, ready made in the installed package. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '../diagnostics/errors.ts';

/** Relative to this file, `../worker.js` exists in `dist/` only. */
const PREBUILT = new URL('../worker.js', import.meta.url);
const BUNDLER = new URL('../../scripts/bundle-worker.ts', import.meta.url);

type Bundler = { readonly bundleWorker: (options: { minify: boolean }) => Promise<{ readonly code: string }> };

/**
 * One ES module without imports but `cloudflare:*`.
 *
 * @throws UserError when the installed package has lost it
 */
export async function loadWorkerCode(): Promise<string> {
  if (existsSync(PREBUILT)) return readFile(PREBUILT, 'utf8');
  if (!existsSync(BUNDLER)) throw new UserError(`${fileURLToPath(PREBUILT)} is missing: install portolan again`);
  // By address, not by name: the published package has neither the bundler nor esbuild.
  const bundler: unknown = await import(BUNDLER.href);
  if (!isBundler(bundler)) throw new Error(`${BUNDLER.pathname} does not export bundleWorker.`);
  const { code } = await bundler.bundleWorker({ minify: false });
  return code;
}

function isBundler(module: unknown): module is Bundler {
  return (
    typeof module === 'object' &&
    module !== null &&
    'bundleWorker' in module &&
    typeof module.bundleWorker === 'function'
  );
}
