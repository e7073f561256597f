import { describe, expect, it } from 'vitest';
import { finding, type Finding, type Severity } from '../../src/diagnostics/finding.ts';
import {
  FOLD_ABOVE,
  renderFindings,
  renderSource,
  sortFindings,
  summarizeFindings,
} from '../../src/diagnostics/render.ts';

function at(severity: Severity, code: string, file: string | null, line: number | null, name = 'shop'): Finding {
  return finding(severity, code, `Message of ${name}.`, {
    source: { kind: 'Mapping', namespace: 'default', name, file, line },
    path: 'spec.prefix',
  });
}

describe('renderFindings', () => {
  it('groups by file, sorts by line and names object, field and cure', () => {
    const text = renderFindings([
      at('warning', 'b', 'two.yaml', 3),
      at('info', 'c', 'one.yaml', 20),
      { ...at('error', 'a', 'one.yaml', 4), hint: 'Write it otherwise.' },
      finding('error', 'no-source', 'Of no file.'),
    ]);
    expect(text).toBe(
      [
        '(no file)',
        '       error no-source',
        '       Of no file.',
        '',
        'one.yaml',
        '    4  error a  Mapping/default/shop spec.prefix',
        '       Message of shop.',
        '       → Write it otherwise.',
        '   20  info c  Mapping/default/shop spec.prefix',
        '       Message of shop.',
        '',
        'two.yaml',
        '    3  warning b  Mapping/default/shop spec.prefix',
        '       Message of shop.',
      ].join('\n'),
    );
  });

  it('is empty without findings', () => {
    expect(renderFindings([])).toBe('');
    expect(summarizeFindings([])).toBe('0 errors, 0 warnings, 0 notes');
  });

  it('folds repetitions of one code, but never the only error', () => {
    const many = Array.from({ length: 5000 }, (_, line) => at('warning', 'same', 'big.yaml', line + 1));
    const folded = renderFindings([...many, at('error', 'other', 'big.yaml', 9999)]);
    expect(folded.match(/ warning same {2}/g)).toHaveLength(FOLD_ABOVE);
    expect(folded).toContain('error other');
    expect(folded).toContain('… and 4,990 more warning same (--all shows them)');
    expect(renderFindings(many, { all: true }).match(/ warning same {2}/g)).toHaveLength(5000);
  });

  it('does not let a manifest write escape sequences to the terminal', () => {
    const text = renderFindings([at('error', 'a', 'x.yaml', 1, '\u001b[2Jgone')]);
    expect(text).not.toContain('\u001b');
    expect(text).toContain(String.raw`\x1b[2Jgone`);
  });

  it('colours only when asked', () => {
    expect(renderFindings([at('error', 'a', 'x.yaml', 1)], { color: true })).toContain('\u001b[31merror\u001b[0m');
  });
});

describe('sortFindings', () => {
  it('gives one order for every order of input', () => {
    const findings = [
      at('info', 'b', 'x', 1),
      at('error', 'b', 'x', 1),
      at('error', 'a', 'x', 1),
      at('error', 'a', null, null),
    ];
    const order = sortFindings(findings).map(({ severity, code }) => `${severity} ${code}`);
    expect(order).toEqual(['error a', 'error a', 'error b', 'info b']);
    expect(sortFindings(findings.toReversed())).toEqual(sortFindings(findings));
  });
});

describe('renderSource', () => {
  it('leaves out what is not there', () => {
    expect(renderSource({ kind: 'config', namespace: null, name: 'home' })).toBe('config/home');
    expect(renderSource({ kind: 'Host', namespace: 'web', name: 'a', cluster: 'eu' })).toBe('eu:Host/web/a');
  });
});
