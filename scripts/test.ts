/**
 * Runs every test runner, one after the other, and ends with what failed by name and the sum over all
 * of them: `N passed, N failed, N skipped`. Exits non-zero when anything failed or nothing ran.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { buildTools, reasonToSkip } from '../test/cluster/cluster-tools.ts';

/** What one runner says of itself; `failures`: by name, with the first line of why. */
type Outcome = { readonly passed: number; readonly failures: readonly string[]; readonly skipped: number };

const NOTHING: Outcome = { passed: 0, failures: [], skipped: 0 };

type Runner = {
  readonly name: string;
  readonly args: readonly string[];
  /** Why it cannot run here; else null. */
  readonly obstacle?: () => string | null;
};

const RUNNERS: readonly Runner[] = [
  { name: 'node', args: [] },
  { name: 'workerd', args: ['--config', 'vitest.workerd.config.ts'] },
  { name: 'cluster', args: ['--config', 'vitest.cluster.config.ts'], obstacle: prepareCluster },
];

const root = path.resolve(import.meta.dirname, '..');
const reports = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-test-'));
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
const only = process.argv[2];

const outcomes: Outcome[] = [];
for (const { name, args, obstacle } of RUNNERS) {
  if (only !== undefined && only !== name) continue;
  const reason = obstacle?.() ?? null;
  if (reason !== null) {
    console.log(`# ${name}: skipped. ${reason}`);
    outcomes.push({ ...NOTHING, skipped: 1 });
    continue;
  }
  const report = path.join(reports, `${name}.json`);
  console.log(`# ${name}`);
  const run = spawnSync(
    process.execPath,
    [vitest, 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    { cwd: root, stdio: 'inherit' },
  );
  const outcome = readOutcome(report);
  outcomes.push(outcome);
  // A runner that broke outside any test (a config error, a crash) must not look like success.
  if (run.status !== 0 && outcome.failures.length === 0)
    outcomes.push({ ...NOTHING, failures: [`the runner "${name}" ended with status ${run.status}`] });
}
fs.rmSync(reports, { recursive: true, force: true });
const failures = outcomes.flatMap((outcome) => outcome.failures);
for (const failure of failures) console.log(`FAILED: ${failure}`);
const sum = (name: 'passed' | 'skipped'): number => outcomes.reduce((count, outcome) => count + outcome[name], 0);
const [passed, skipped] = [sum('passed'), sum('skipped')];
console.log(`${passed} passed, ${failures.length} failed, ${skipped} skipped`);
process.exitCode = failures.length > 0 || passed + skipped === 0 ? 1 : 0;

/** Builds the API server outside of any test's time limit. */
function prepareCluster(): string | null {
  const reason = reasonToSkip();
  if (reason !== null) return reason;
  try {
    buildTools();
  } catch (error) {
    // The suite runs all the same, and fails: with Go there is no excuse.
    console.error(error);
  }
  return null;
}

/** From the report of a runner; of one that left none, nothing. */
function readOutcome(report: string): Outcome {
  if (!fs.existsSync(report)) return NOTHING;
  const json = JSON.parse(fs.readFileSync(report, 'utf8')) as {
    numPassedTests: number;
    numPendingTests: number;
    numTodoTests: number;
    testResults: readonly {
      name: string;
      status: string;
      message: string;
      assertionResults: readonly { status: string; fullName: string; failureMessages: readonly string[] }[];
    }[];
  };
  const failures = json.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = path.relative(root, name);
    const failed = assertionResults.filter((result) => result.status === 'failed');
    // A file that fails without a test of it having failed did not load.
    if (failed.length === 0) return status === 'failed' ? [`${file}: ${firstLine(message)}`] : [];
    return failed.map(
      ({ fullName, failureMessages }) => `${file}: ${fullName}: ${firstLine(failureMessages[0] ?? '')}`,
    );
  });
  return { passed: json.numPassedTests, failures, skipped: json.numPendingTests + json.numTodoTests };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
