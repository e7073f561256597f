/** `portolan test FILE…`: route tests, offline or against a running gateway. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import { countFindings, type Finding } from '../diagnostics/finding.ts';
import { createExplainer, type Explainer } from '../explain/explain.ts';
import { parseRouteTests, type RouteTest } from '../explain/parse-route-tests.ts';
import { differences } from '../explain/subset.ts';
import { buildFromOptions } from './build-from-options.ts';
import { defineCommand, EXIT_ERRORS, EXIT_OK, type CommandContext, type Terminal } from './command.ts';
import { findingsJson, noteFindings } from './finding-output.ts';
import { INPUT_OPTIONS, type InputOptions } from './input-options.ts';
import { noteErrorCount } from './noted-errors.ts';
import { parseGatewayUrl, runAgainst } from './route-tests-against.ts';
import { renderResult, renderSummary, type RouteTestResult } from './route-tests-output.ts';

const OPTIONS = {
  ...INPUT_OPTIONS,
  against: { type: 'string', value: 'URL', help: 'send the requests to this running gateway' },
  echo: { type: 'boolean', help: 'as portolan dev: services that nothing resolves have echo backends' },
} as const;

export const testCommand = defineCommand({
  name: 'test',
  summary: 'Run route tests, offline or against a running gateway.',
  usage: 'FILE… [--against URL] [options]',
  details: `
A file is a list of {name, request: {method, url, headers, clientIp}, expect: {…}}; expect is any part of
what explain answers. Without -f the sources are the folder of the file. One line per test; exit code 1
when a test fails or cannot be read. --against compares what can be seen from outside; see
docs/route-tests.md. JSON: {results: [{file, line, name, ok, differences: [{path, expected, actual}],
nearMisses, offlineOnly}], counts: {passed, failed, offlineOnly}, findings}.`,
  options: OPTIONS,
  positionals: { min: 1, max: Infinity },
  async run(context) {
    const { options, positionals, json, print, printJson, terminal } = context;
    const gateway = options.against === undefined ? null : parseGatewayUrl(options.against);
    const findings: Finding[] = [];
    const tests = await readTests(positionals, terminal, (finding) => findings.push(finding));
    const explainerOf = explainers(options, context);
    if (!json) print(`1..${tests.length}`);
    const results: RouteTestResult[] = [];
    for (const test of tests) {
      const explainer = await explainerOf(test.file);
      const result = gateway === null ? await runOffline(test, explainer) : await runAgainst(gateway, test, explainer);
      results.push(result);
      if (!json) print(renderResult(results.length, result));
    }
    const counts = {
      passed: results.filter(({ ok }) => ok).length,
      failed: results.filter(({ ok }) => !ok).length,
      offlineOnly: results.reduce((sum, { offlineOnly }) => sum + offlineOnly.length, 0),
    };
    if (json) printJson({ results: results.map(toJson), counts, findings: findingsJson(findings).findings });
    else {
      print(renderSummary(counts, gateway !== null));
      noteFindings(findings, context);
    }
    return counts.failed > 0 || countFindings(findings).error > 0 ? EXIT_ERRORS : EXIT_OK;
  },
});

async function runOffline(test: RouteTest, explainer: Explainer): Promise<RouteTestResult> {
  const { explanation } = await explainer.explain(test.request);
  const found = differences(explanation, test.expect);
  return { test, ok: found.length === 0, differences: found, nearMisses: explanation.nearMisses, offlineOnly: [] };
}

async function readTests(
  files: readonly string[],
  { cwd }: Pick<Terminal, 'cwd'>,
  report: (finding: Finding) => void,
): Promise<readonly RouteTest[]> {
  const tests: RouteTest[] = [];
  for (const file of files) {
    let text: string;
    try {
      text = await readFile(resolve(cwd, file), 'utf8');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UserError(`The route tests ${file} cannot be read: ${reason}.`);
    }
    tests.push(...parseRouteTests(file, text, report));
  }
  return tests;
}

/** With -f one build for all; without it one for each folder that holds route tests. */
function explainers(
  options: InputOptions & { readonly echo?: boolean },
  context: Pick<CommandContext, 'terminal' | 'note'>,
): (file: string) => Promise<Explainer> {
  const builds = new Map<string, Promise<Explainer>>();
  return (file) => {
    const folder = options.file === undefined ? dirname(file) : '';
    let build = builds.get(folder);
    if (build === undefined) {
      build = prepare(folder === '' ? options : { ...options, file: [folder] }, context);
      builds.set(folder, build);
    }
    return build;
  };
}

async function prepare(
  options: InputOptions & { readonly echo?: boolean },
  context: Pick<CommandContext, 'terminal' | 'note'>,
): Promise<Explainer> {
  const overrides = options.echo === true ? { unresolved: 'echo' as const } : {};
  const { program, model, findings } = await buildFromOptions(options, context.terminal, overrides);
  noteErrorCount(findings, context);
  return createExplainer(program, { model });
}

function toJson({ test: { file, line, name }, ...result }: RouteTestResult): unknown {
  const { ok, differences: found, nearMisses, offlineOnly } = result;
  return { file, line, name, ok, differences: found, nearMisses, offlineOnly };
}
