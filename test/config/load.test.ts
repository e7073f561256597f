import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfigFile, readConfigFile } from '../../src/config/load.ts';
import { UserError } from '../../src/diagnostics/errors.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';

let folder = '';
beforeAll(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-load-')));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

describe('loadConfigFile', () => {
  it('runs TypeScript that imports portolan and a neighbour, wherever it lies', async () => {
    const part = write('part.ts', `export const backend: string = 'a.b:80';`);
    const file = write(
      'good.ts',
      `import { defineConfig } from 'portolan';\nimport { backend } from './part.ts';\n` +
        `export default defineConfig({ routes: [{ name: 'a', path: '/', backend }] });`,
    );
    const loaded = await loadConfigFile(file);
    expect(loaded.failure).toBeNull();
    expect(loaded.value).toEqual({ routes: [{ name: 'a', path: '/', backend: 'a.b:80' }] });
    expect(loaded.dependencies).toEqual([file, part].toSorted());
  });

  it('is a module although the package.json beside it says commonjs', async () => {
    fs.mkdirSync(path.join(folder, 'commonjs'), { recursive: true });
    write('commonjs/package.json', '{"type":"commonjs"}');
    write('commonjs/part.ts', 'export const path: string = "/";');
    const file = write('commonjs/routes.config.ts', `import { path } from './part.ts';\nexport default { path };`);
    expect(await loadConfigFile(file)).toMatchObject({ failure: null, value: { path: '/' } });
  });

  it('sees every change, in imported files too', async () => {
    write('value.mjs', 'export const value = 1;');
    const file = write('fresh.mjs', `import { value } from './value.mjs';\nexport default { value };`);
    expect((await loadConfigFile(file)).value).toEqual({ value: 1 });
    write('value.mjs', 'export const value = 2;');
    expect((await loadConfigFile(file)).value).toEqual({ value: 2 });
  });

  it.each<[string, string, string, number | null]>([
    ['syntax.ts', 'const a: number = 1;\nexport default { a: ;\n', 'cannot be read', 2],
    ['syntax.mjs', 'const a = 1;\n\nexport default { a: ;\n', 'cannot be read', 3],
    ['enum.ts', 'enum A { b }\nexport default {};\n', 'enum', 1],
    ['throws.ts', 'const a: any = null;\n\nexport default a.b;\n', 'cannot be run', 3],
    ['throws-text.mjs', 'throw "no";\n', 'cannot be run: no', null],
    ['missing.ts', '// first\nimport a from "./nowhere.ts";\nexport default a;\n', 'nowhere.ts', 2],
    ['no-default.ts', 'export const a = 1;\n', 'no default export', null],
    ['exits.mjs', 'process.exit(3);\n', 'code 3', null],
    ['loops.mjs', 'for (;;) {}\n', 'did not finish', null],
  ])('says where and why %s cannot be used', async (name, text, message, line) => {
    const file = write(name, text);
    const { failure, value } = await loadConfigFile(file, { timeoutMs: 1500 });
    expect(value).toBeNull();
    expect(failure).toMatchObject({
      severity: 'error',
      code: 'config-not-loaded',
      source: { kind: 'Config', file, line },
    });
    expect(failure?.message).toContain(message);
  });

  it('names the imported file when the mistake is there', async () => {
    const part = write('broken-part.ts', 'export const a = 1;\nexport const b = ;\n');
    const file = write('imports-broken.ts', `import { a } from './broken-part.ts';\nexport default { a };\n`);
    const { failure, dependencies } = await loadConfigFile(file);
    expect(failure?.source).toMatchObject({ file: part, line: 2 });
    expect(dependencies).toEqual([part, file].toSorted());
  });

  it('watches for a missing import, so that writing it is a change', async () => {
    const file = write('waits.ts', `import a from './later.ts';\nexport default a;\n`);
    expect((await loadConfigFile(file)).dependencies).toContain(path.join(folder, 'later.ts'));
  });

  it('gives null and the path for what is not data', async () => {
    const file = write('function.ts', `export default { routes: [{ name: 'a', path: () => '/' }] };\n`);
    const loaded = await loadConfigFile(file);
    expect(loaded.value).toEqual({ routes: [{ name: 'a', path: null }] });
    expect(loaded.notData.map((each) => each.path)).toEqual(['routes[0].path']);
  });

  it('throws a UserError with advice when there is no file', async () => {
    await expect(loadConfigFile(path.join(folder, 'nowhere.config.ts'))).rejects.toThrow(UserError);
  });
});

describe('readConfigFile', () => {
  it('parses the shipped configuration without a finding', async () => {
    const findings: Finding[] = [];
    const shipped = path.resolve(import.meta.dirname, '../../routes.config.ts');
    const { config, dependencies } = await readConfigFile(shipped, (finding) => findings.push(finding));
    expect(findings).toEqual([]);
    expect(config?.routes.map(({ outcome }) => outcome.kind)).toEqual(['serve', 'serve', 'serve']);
    expect(config?.clusters).toMatchObject([{ name: 'shop', echo: true }]);
    expect(dependencies).toEqual([shipped]);
  });

  it('reports with lines', async () => {
    const file = write(
      'lines.ts',
      `export default {\n  routes: [\n    { name: 'a', path: '/', bakend: 'x' },\n  ],\n};\n`,
    );
    const findings: Finding[] = [];
    const { config } = await readConfigFile(file, (finding) => findings.push(finding));
    expect(config?.routes[0]?.outcome.kind).toBe('refuse');
    expect(findings[0]?.source).toMatchObject({ file, line: 3 });
  });

  it('gives no configuration when the file cannot be run', async () => {
    const findings: Finding[] = [];
    const { config } = await readConfigFile(write('bad.ts', 'export default {'), (finding) => findings.push(finding));
    expect(config).toBeNull();
    expect(findings.map(({ code }) => code)).toEqual(['config-not-loaded']);
  });
});
