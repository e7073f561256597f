/**
 * Golden cases: one folder per Mapping feature.
 *
 * `input.yaml` (and `config.json`, the plain form of a routes.config.ts, when there is one) is built;
 * the model, the program and the findings are compared with the stored ones, and every probe of
 * `probes.yaml` is explained against its expectation. `UPDATE_GOLDENS=1` rewrites the outputs; probes
 * are written by hand from the specification and never rewritten.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { buildProgram, type BuildResult } from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { renderFindings } from '../../src/diagnostics/render.ts';
import { canonicalJson } from '../../src/program/canonical-json.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { explainCase, type GoldenProbe } from './explain-case.ts';

const update = process.env['UPDATE_GOLDENS'] === '1';
const cases = fs
  .readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe.each(cases)('golden %s', (name) => {
  const folder = path.join(import.meta.dirname, name);
  const result = buildCase(folder);

  it('has the stored model', () => compare(folder, 'model.json', pretty(result.model)));
  it('has the stored program', () => compare(folder, 'program.json', pretty(result.program)));
  it('has the stored findings', () =>
    compare(folder, 'diagnostics.txt', `${renderFindings(result.findings, { color: false, all: true })}\n`));

  const probes = path.join(folder, 'probes.yaml');
  it.runIf(fs.existsSync(probes))('answers its probes', async () => {
    const list = parse(fs.readFileSync(probes, 'utf8')) as GoldenProbe[];
    expect(list.length).toBeGreaterThan(0);
    for (const probe of list)
      expect({ probe: probe.name, ...(await explainCase(result, probe)) }).toMatchObject({
        probe: probe.name,
        ...probe.expect,
      });
  });
});

it('covers the features', () => expect(cases.length).toBeGreaterThanOrEqual(15));

function buildCase(folder: string): BuildResult {
  const findings: Finding[] = [];
  const report = (finding: Finding): void => void findings.push(finding);
  const objects = parseManifests(
    [{ file: 'input.yaml', text: fs.readFileSync(path.join(folder, 'input.yaml'), 'utf8') }],
    report,
  );
  const configFile = path.join(folder, 'config.json');
  const config = fs.existsSync(configFile)
    ? parseConfig(JSON.parse(fs.readFileSync(configFile, 'utf8')), report, 'routes.config.ts')
    : null;
  return buildProgram(
    { objects, config, initialFindings: findings },
    { target: 'self-hosted', unresolved: 'echo', now: '2026-01-01T00:00:00.000Z' },
  );
}

function compare(folder: string, file: string, actual: string): void {
  const stored = path.join(folder, file);
  if (update) fs.writeFileSync(stored, actual);
  expect(actual).toBe(fs.readFileSync(stored, 'utf8'));
}

function pretty(value: unknown): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(value)), null, 2)}\n`;
}
