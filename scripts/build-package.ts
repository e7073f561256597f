/** `npm run build`: everything that `npm pack` puts into the package, from an empty `dist/`. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { bundleWorker } from './bundle-worker.ts';

const root = path.resolve(import.meta.dirname, '..');
const dist = path.join(root, 'dist');

fs.rmSync(dist, { recursive: true, force: true });

const tsc = path.join(root, 'node_modules', '.bin', 'tsc');
const compiled = spawnSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

const worker = await bundleWorker({ minify: true });
fs.writeFileSync(path.join(dist, 'worker.js'), worker.code);
fs.chmodSync(path.join(dist, 'cli.js'), 0o755);

// On stderr: `npm pack --json` must stay readable by programs.
process.stderr.write(`dist/worker.js: ${kib(worker.bytes)} KiB, ${kib(worker.gzipBytes)} KiB compressed\n`);

function kib(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}
