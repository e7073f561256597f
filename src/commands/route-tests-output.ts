/** Results of route tests as text: one TAP line per test, what was wrong below it. */
import { escapeControls, plural } from '../diagnostics/render.ts';
import type { NearMiss } from '../explain/explanation.ts';
import type { RouteTest } from '../explain/parse-route-tests.ts';
import type { Difference } from '../explain/subset.ts';
import { renderNearMiss } from './explain-render.ts';

export type RouteTestResult = {
  readonly test: RouteTest;
  readonly ok: boolean;
  readonly differences: readonly Difference[];
  readonly nearMisses: readonly NearMiss[];
  /** Keys that could not be compared with a running gateway. */
  readonly offlineOnly: readonly string[];
};

export type RouteTestCounts = { readonly passed: number; readonly failed: number; readonly offlineOnly: number };

export function renderResult(number: number, { test, ok, differences, nearMisses }: RouteTestResult): string {
  // `#` would begin a directive of TAP.
  const title = `${ok ? 'ok' : 'not ok'} ${number} - ${escapeControls(test.name).replaceAll('#', String.raw`\#`)}`;
  if (ok) return title;
  const { method, url } = test.request;
  const where = `${test.file}${test.line === null ? '' : `:${test.line}`}`;
  const lines = [
    `${where}  ${method} ${url}`,
    ...differences.flatMap(({ path, expected, actual }) => [
      path,
      `  expected: ${show(expected)}`,
      `  actual:   ${show(actual)}`,
    ]),
    ...(nearMisses.length === 0 ? [] : ['near misses']),
    ...nearMisses.flatMap((miss) => renderNearMiss(miss, (_, text) => text).map((line) => `  ${line}`)),
  ];
  return [title, ...lines.map((line) => `  # ${escapeControls(line)}`)].join('\n');
}

export function renderSummary({ passed, failed, offlineOnly }: RouteTestCounts, against: boolean): string {
  const rest = against ? `; ${plural(offlineOnly, 'key')} offline only` : '';
  return `# ${passed} passed, ${failed} failed${rest}`;
}

function show(value: unknown): string {
  return value === null || value === undefined ? 'nothing' : JSON.stringify(value);
}
