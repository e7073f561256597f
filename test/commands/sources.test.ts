import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadInput } from '../../src/commands/sources.ts';

const MAPPING = `apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: shop }
spec: { prefix: /shop/, service: shop }
`;
const CONFIG = "export default { routes: [{ name: 'home', path: '/', respond: { status: 200 } }] };\n";

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'portolan-input-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

async function* stdin(text = ''): AsyncGenerator<string> {
  yield text;
}

describe('loadInput', () => {
  it('takes ./routes.config.ts when it is there, by its short name', async () => {
    writeFileSync(join(cwd, 'routes.config.ts'), CONFIG);
    const { input, watch } = await loadInput({}, { cwd, stdin: stdin() });
    expect(input.config?.routes.map(({ id }) => id)).toEqual(['config/home']);
    expect(input.objects).toEqual([]);
    expect(watch).toContain(join(cwd, 'routes.config.ts'));
  });

  it('leaves it out on demand', async () => {
    writeFileSync(join(cwd, 'routes.config.ts'), CONFIG);
    const { input } = await loadInput({ config: 'none', file: ['-'] }, { cwd, stdin: stdin(MAPPING) });
    expect(input.config).toBeNull();
    expect(input.objects.map(({ kind, source }) => [kind, source.file, source.line])).toEqual([['Mapping', '-', 1]]);
  });

  it('watches what was named, but not standard input', async () => {
    writeFileSync(join(cwd, 'a.yaml'), MAPPING);
    const { watch } = await loadInput({ file: ['a.yaml', '-'] }, { cwd, stdin: stdin(MAPPING) });
    expect(watch).toEqual([join(cwd, 'a.yaml')]);
  });

  it('keeps what is wrong in a file as a finding', async () => {
    writeFileSync(join(cwd, 'a.yaml'), `${MAPPING}---\nkind: [\n`);
    const { input } = await loadInput({ file: ['a.yaml'] }, { cwd, stdin: stdin() });
    expect(input.objects).toHaveLength(1);
    expect(input.initialFindings).toMatchObject([{ severity: 'error', source: { file: 'a.yaml' } }]);
  });

  it.each(['', '# nothing\n', '{ "apiVersion": "v1", "kind": "List", "items": [] }'])(
    'says that %j holds nothing',
    async (text) => {
      const { input } = await loadInput({ file: ['-'] }, { cwd, stdin: stdin(text) });
      expect(input.initialFindings).toMatchObject([{ severity: 'warning', code: 'source-empty' }]);
    },
  );

  it('says it once of an empty folder, and not of one source of several', async () => {
    writeFileSync(join(cwd, 'a.yaml'), MAPPING);
    const empty = mkdtempSync(join(cwd, 'empty-'));
    const codes = async (file: string[]) =>
      (await loadInput({ file }, { cwd, stdin: stdin() })).input.initialFindings?.map(({ code }) => code);
    expect(await codes([empty])).toEqual(['source-empty']);
    expect(await codes(['a.yaml', '-'])).toEqual([]);
  });

  it.each([
    [{}, 2, /nothing to read: give manifests with -f PATH/],
    [{ config: 'none' }, 2, /nothing to read/],
    [{ config: 'absent.ts' }, 1, /Cannot read the configuration .*absent\.ts/],
    [{ file: ['absent.yaml'] }, 1, /^absent\.yaml does not exist\.$/],
  ])('%j says what to do', async (options, exitCode, message) => {
    await expect(loadInput(options, { cwd, stdin: stdin() })).rejects.toMatchObject({
      name: 'UserError',
      exitCode,
      message: expect.stringMatching(message),
    });
  });
});
