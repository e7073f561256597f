/** What the Worker weighs and what must not be in it: every isolate loads all of it. */
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleWorker, type WorkerBundle } from '../scripts/bundle-worker.ts';

const MAX_GZIP_BYTES = 200 * 1024;

let bundle: WorkerBundle;
beforeAll(async () => {
  bundle = await bundleWorker({ minify: true });
});

describe('worker bundle', () => {
  it('stays within its budget', () => {
    console.log(`worker bundle: ${kib(bundle.bytes)} KiB, ${kib(bundle.gzipBytes)} KiB compressed`);
    expect(bundle.gzipBytes).toBeLessThanOrEqual(MAX_GZIP_BYTES);
    expect(bundle.bytes).toBeGreaterThan(10_000);
  });

  it('is made of request-time code only', () => {
    expect(bundle.inputs).toContain('src/worker.ts');
    const buildTime =
      /node_modules\/(zod|yaml|miniflare|wrangler|esbuild)\/|^src\/(config|resources|compile|explain|stores|dev|commands)\/|^src\/policies\/(lowerings|[^/]+\/(lower|options))\.ts$/;
    expect(bundle.inputs.filter((file) => buildTime.test(file))).toEqual([]);
  });

  it('imports nothing that only Node has', () => {
    // Not the word in a list of reserved ones.
    const imports = [...bundle.code.matchAll(/(?<!["'])\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map(
      ([, name]) => name,
    );
    expect(imports.filter((name) => name?.startsWith('cloudflare:') !== true)).toEqual([]);
    // Calls only: re2js has a method of that name. The code stays out of the message, it is long.
    expect(/\bnew Function\(|(?<![.\w}])eval\(/.exec(bundle.code)?.index).toBeUndefined();
  });
});

function kib(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}
