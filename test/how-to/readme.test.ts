/** The protected route of README.md, done as it says; the keys lie in a folder in place of the development server. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { ROOT, run } from '../commands/terminal-fixture.ts';

it('is protected, and opened by the key that the command makes', async () => {
  const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const [, authentication = ''] = /beside `(authentication: [^`]+)`/.exec(readme) ?? [];
  const [, route = ''] = /```ts\n([^`]+)```/.exec(readme) ?? [];
  const [, command = ''] = /-- (keys create [^\n]+)/.exec(readme) ?? [];
  const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-readme-'));
  try {
    fs.writeFileSync(path.join(cwd, 'routes.mjs'), `export default { ${authentication}, routes: [${route}] };`);
    expect(await run(['check', '--config', 'routes.mjs'], { cwd })).toMatchObject({ code: 0 });
    const made = await run(command.replace('--to local', '--to dir:state').split(' '), { cwd });
    const asked = ['explain', 'GET', 'http://a.test/orders/1', '--config', 'routes.mjs', '--json'];
    const without = await run(asked, { cwd });
    expect(JSON.parse(without.stdout)).toMatchObject({ status: 401, code: 'credentials-missing' });
    const withKey = await run([...asked, '--key', '-', '--keys', 'dir:state'], { cwd, stdin: made.stdout });
    expect(JSON.parse(withKey.stdout)).toMatchObject({ outcome: 'forward', consumer: { id: 'me' } });
  } finally {
    fs.rmSync(cwd, { recursive: true, force: true });
  }
});
