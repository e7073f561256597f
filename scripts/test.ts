/**
 * Runs every test runner, one after the other, and ends with the sum over all of them:
 * `N passed, N failed, N skipped`. Exits non-zero when anything failed or nothing ran.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

const RUNNERS = [
  { name: 'node', args: [] },
  { name: 'workerd', args: ['--config', 'vitest.workerd.config.ts'] },
] as const;

const root = path.resolve(import.meta.dirname, '..');
const reports = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-test-'));
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
const only = process.argv[2];

let total: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const { name, args } of RUNNERS) {
  if (only !== undefined && only !== name) continue;
  const report = path.join(reports, `${name}.json`);
  console.log(`# ${name}`);
  const run = spawnSync(
    process.execPath,
    [vitest, 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    { cwd: root, stdio: 'inherit' },
  );
  const counts = readCounts(report);
  // A runner that broke outside any test (a config error, a crash) must not look like success.
  const broken = run.status !== 0 && counts.failed === 0 ? 1 : 0;
  total = {
    passed: total.passed + counts.passed,
    failed: total.failed + counts.failed + broken,
    skipped: total.skipped + counts.skipped,
  };
}
fs.rmSync(reports, { recursive: true, force: true });
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

function readCounts(report: string): Counts {
  if (!fs.existsSync(report)) return { passed: 0, failed: 0, skipped: 0 };
  const json = JSON.parse(fs.readFileSync(report, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    numTodoTests: number;
  };
  return {
    passed: json.numPassedTests,
    failed: json.numFailedTests,
    skipped: json.numPendingTests + json.numTodoTests,
  };
}
