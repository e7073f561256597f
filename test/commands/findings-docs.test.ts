/** docs/findings.md against the codes that the source reports. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './terminal-fixture.ts';

/** Folders whose code reports findings. */
const FOLDERS = ['keys', 'resources', 'config', 'compile', 'policies', 'model', 'commands', 'follow'];
const SEVERITIES = new Set(['error', 'warning', 'info']);
const KEBAB = '([a-z]+(?:-[a-z0-9]+)+)';

const sources = FOLDERS.flatMap((folder) => {
  const names = readdirSync(join(ROOT, 'src', folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(ROOT, 'src', folder, name), 'utf8'));
});
const text = sources.join('\n');

const page = readFileSync(join(ROOT, 'docs/findings.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()));
const documented = rows.map(([, code]) => (code ?? '').replaceAll('`', ''));

/** Codes of refusals only: they are answers to requests and stand in docs/errors.md. */
const REFUSALS_ONLY = new Set(['resource-invalid', 'no-backend']);

describe('docs/findings.md', () => {
  it('has every code that is reported', () => {
    const reported = new Set<string>();
    // Events of the log have a severity too, and no row.
    for (const pattern of [
      `\\bcode: '${KEBAB}'`,
      `(?<!log\\()'(?:error|warning|info)',\\s*'${KEBAB}'`,
      `'(field-[a-z]+)'`,
    ]) {
      for (const [, code = ''] of text.matchAll(new RegExp(pattern, 'g'))) reported.add(code);
    }
    expect(reported.size).toBeGreaterThan(60);
    expect([...reported].filter((code) => !documented.includes(code) && !REFUSALS_ONLY.has(code))).toEqual([]);
  });

  it('has no code that nothing reports', () => {
    expect(documented.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });

  it('has each code once, with severities', () => {
    expect(documented.filter((code, index) => documented.indexOf(code) !== index)).toEqual([]);
    const odd = rows.filter(([, , severity]) => severity?.split(', ').some((each) => !SEVERITIES.has(each)) ?? true);
    expect(odd).toEqual([]);
  });
});
