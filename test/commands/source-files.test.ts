import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSourceFiles } from '../../src/commands/source-files.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';

let cwd: string;
let findings: Finding[];
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'portolan-sources-'));
  findings = [];
});
afterEach(() => rmSync(cwd, { recursive: true }));

function write(path: string, text: string | Uint8Array = path): void {
  mkdirSync(dirname(join(cwd, path)), { recursive: true });
  writeFileSync(join(cwd, path), text);
}
async function* input(...chunks: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  yield* chunks;
}
function read(paths: readonly string[], stdin = input()): Promise<readonly { file: string; text: string }[]> {
  return readSourceFiles(paths, { cwd, stdin }, (finding) => findings.push(finding));
}
const names = async (paths: readonly string[]): Promise<string[]> => (await read(paths)).map(({ file }) => file);

describe('readSourceFiles', () => {
  it('reads folders recursively, sorted, manifests only', async () => {
    for (const path of [
      'b.yaml',
      'a/z.yml',
      'a/b/c.json',
      'readme.md',
      'a.probes.yaml',
      '.git/x.yaml',
      'node_modules/p/x.json',
      'package.json',
      'package-lock.json',
      'tsconfig.build.json',
    ])
      write(`in/${path}`);
    expect(await names(['in'])).toEqual(['in/a/b/c.json', 'in/a/z.yml', 'in/b.yaml']);
    expect(await names(['in/'])).toEqual(['in/a/b/c.json', 'in/a/z.yml', 'in/b.yaml']);
  });

  it('keeps the order of the arguments and reads a file once', async () => {
    write('in/a.yaml');
    write('in/b.yaml');
    expect(await names(['in/b.yaml', 'in', './in/a.yaml'])).toEqual(['in/b.yaml', 'in/a.yaml']);
  });

  it('takes a named file whatever it is called', async () => {
    write('manifest.txt', 'kind: Mapping');
    expect(await read(['manifest.txt'])).toEqual([{ file: 'manifest.txt', text: 'kind: Mapping' }]);
  });

  it('reads standard input among files, whole characters across chunks', async () => {
    write('a.yaml', 'a');
    const bytes = Buffer.from('é: 1');
    const files = await read(['a.yaml', '-'], input(bytes.subarray(0, 1), bytes.subarray(1)));
    expect(files).toEqual([
      { file: 'a.yaml', text: 'a' },
      { file: '-', text: 'é: 1' },
    ]);
    await expect(read(['-', '-'])).rejects.toMatchObject({ exitCode: 2 });
  });

  it('removes a byte order mark', async () => {
    write('bom.yaml', '\ufeffkind: Mapping');
    expect((await read(['bom.yaml']))[0]?.text).toBe('kind: Mapping');
  });

  it('follows links, as a mounted ConfigMap has them, and survives a circle', async () => {
    write('cm/..2026/routes.yaml', 'x');
    symlinkSync('..2026', join(cwd, 'cm/..data'));
    symlinkSync('..data/routes.yaml', join(cwd, 'cm/routes.yaml'));
    symlinkSync('.', join(cwd, 'cm/self'));
    expect(await names(['cm'])).toEqual(['cm/routes.yaml']);
  });

  it('reports a file in another encoding and reads the rest', async () => {
    write('in/a.yaml', new Uint8Array([0xff, 0xfe, 0x61, 0x00]));
    write('in/b.yaml');
    expect(await names(['in'])).toEqual(['in/b.yaml']);
    expect(findings).toMatchObject([{ severity: 'error', code: 'source-not-utf8', source: { file: 'in/a.yaml' } }]);
  });

  it('says when a folder holds nothing', async () => {
    write('in/readme.md');
    expect(await names(['in'])).toEqual([]);
    expect(findings).toMatchObject([{ severity: 'warning', code: 'source-empty' }]);
  });

  it.each([
    ['missing.yaml', 'missing.yaml does not exist.'],
    ['a.yaml/b', 'a.yaml/b does not exist: a part of the path is a file.'],
    ['loop.yaml', 'loop.yaml is a link to itself.'],
    ['shop.probes.yaml', 'shop.probes.yaml holds route tests, not manifests; run `portolan test shop.probes.yaml`.'],
  ])('names %s in one line', async (path, message) => {
    write('a.yaml');
    write('shop.probes.yaml');
    symlinkSync('loop.yaml', join(cwd, 'loop.yaml'));
    await expect(read([path])).rejects.toMatchObject({ name: 'UserError', message });
  });
});
