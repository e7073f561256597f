/** The types of routes.config.ts, judged by the compiler that users run. */
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { config, empty, onlyClusters, onlyUpstreams } from './accepted-fixture.ts';

const root = path.resolve(import.meta.dirname, '../..');

describe('types of routes.config.ts', () => {
  it('accept every fixture line and refuse every marked one', () => {
    const tsc = spawnSync(
      path.join(root, 'node_modules/.bin/tsc'),
      ['-p', path.join(import.meta.dirname, 'tsconfig.json')],
      {
        encoding: 'utf8',
      },
    );
    // An unused @ts-expect-error is an error, so a mistake that TypeScript let pass is in this text.
    expect(tsc.stdout).toBe('');
    expect(tsc.status).toBe(0);
  });

  it.each([
    ['config', config],
    ['empty', empty],
    ['onlyClusters', onlyClusters],
    ['onlyUpstreams', onlyUpstreams],
  ] as const)('accept nothing in %s that the run-time check refuses', (_, value) => {
    const findings: Finding[] = [];
    parseConfig(value, (finding) => findings.push(finding), 'routes.config.ts');
    expect(findings).toEqual([]);
  });
});
