/** docs/how-to/plan-a-rate-limit.md, done as it says. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from '../commands/terminal-fixture.ts';
import { readPage } from './page.ts';

const page = readPage('plan-a-rate-limit.md');
const [first = '', second = ''] = page.blocks('sh');
const [log = ''] = page.blocks('log');
const [output = ''] = page.blocks('text');

let cwd: string;
beforeAll(() => {
  cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-plan-'));
  fs.writeFileSync(path.join(cwd, 'access.log'), `${log}\n`);
});
afterAll(() => fs.rmSync(cwd, { recursive: true, force: true }));

const shell = (line: string) => run(line.replaceAll("'", '').split(' ').slice(1), { cwd });

it('says what stands there', async () => {
  expect(await shell(first)).toEqual({ code: 0, stdout: `${output}\n`, stderr: '' });
});

it('refuses as many as the table says', async () => {
  const rows = page.table('with');
  expect(rows).toHaveLength(3);
  for (const [burst = '', refused] of rows) {
    const { stdout } = await shell(`${second.replace('--burst 1', burst.replaceAll('`', ''))} --json`);
    expect([burst, String((JSON.parse(stdout) as { readonly refused: number }).refused)]).toEqual([burst, refused]);
  }
});
