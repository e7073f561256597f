import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { mapping, RESOLVING_CONFIG, temporaryFolder, type Folder } from './manifest-fixture.ts';
import { run, spawnCli } from './terminal-fixture.ts';

let folder: Folder;
beforeEach(() => {
  folder = temporaryFolder();
  folder.write('routes.config.ts', RESOLVING_CONFIG);
});
afterEach(() => folder.remove());

const A = mapping('a', 'hostname: "*", prefix: /a/, service: a');
const B = mapping('b', 'hostname: "*", prefix: /b/, service: b');

describe('portolan compile', () => {
  it('prints the program alone: no clock, no findings, no lines, whatever the order', async () => {
    const one = await spawnCli(['compile', '-f', '-', '--json'], { cwd: folder.path, stdin: `${A}---\n${B}` });
    const two = await run(['compile', '-f', '-', '--json'], { cwd: folder.path, stdin: `# moved\n\n${B}---\n${A}` });
    expect(one.code).toBe(0);
    expect(two.stdout).toBe(one.stdout);
    const program: Record<string, unknown> = JSON.parse(one.stdout);
    expect(Object.keys(program).toSorted()).toEqual(['domains', 'format', 'settings', 'tables', 'upstreams']);
    expect(one.stdout).not.toMatch(/"(line|file|findings)"/);
  });

  it('prints the model with its sources', async () => {
    const { stdout } = await run(['compile', '--stage', 'model', '-f', '-', '--json'], { cwd: folder.path, stdin: A });
    expect(JSON.parse(stdout)).toMatchObject({
      routes: [{ id: 'Mapping/default/a', source: { file: '-', line: 1 } }],
    });
  });

  it('is readable YAML without --json, equal to the JSON', async () => {
    const text = await run(['compile', '-f', '-'], { cwd: folder.path, stdin: A });
    const json = await run(['compile', '-f', '-', '--json'], { cwd: folder.path, stdin: A });
    expect(parse(text.stdout)).toEqual(JSON.parse(json.stdout));
    expect(text.stdout).not.toContain('{"');
  });

  it('keeps findings off stdout and fails for errors', async () => {
    const wrong = mapping('w', 'hostname: "*", prefix: /w/, service: "http://:1"');
    const { code, stdout, stderr } = await run(['compile', '-f', '-', '--json'], { cwd: folder.path, stdin: wrong });
    expect(code).toBe(1);
    expect(stderr).toContain('service-invalid');
    expect(JSON.parse(stdout)).toMatchObject({ format: 1 });
  });

  it('knows two stages', async () => {
    expect(await run(['compile', '--stage', 'byte', '-f', '-'])).toMatchObject({ code: 2 });
  });
});
