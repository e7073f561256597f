/** docs/how-to/protect-with-api-keys.md, done as it says. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { startEcho } from '../../src/dev/echo-server.ts';
import { ask } from './dev-process.ts';
import { run, startServe } from './serve-process.ts';

const root = path.resolve(import.meta.dirname, '../..');
const page = fs.readFileSync(path.join(root, 'docs/how-to/protect-with-api-keys.md'), 'utf8');

function blocks(language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].map(([, text = '']) => text.trim());
}

/** Rows of the table: header, path, expected status and code. */
const requests = [
  ...page.matchAll(/\| `curl (?:-H "([^:]+): ([^"]+)" )?http:\/\/127\.0\.0\.1:8787(\S+)`\s*\| (\d{3})(?: `([^`]+)`)?/g),
];

it('does what the page says', async () => {
  const echo = await startEcho({ name: 'orders', port: 0 });
  const [config = ''] = blocks('ts');
  const node = await startServe({
    config: config.replaceAll('http://127.0.0.1:9000', echo.url),
    sources: false,
    args: ['--processes', '1', '--config', 'portolan.config.mjs'],
  });
  try {
    const [create = '', rotate = '', revoke = ''] = blocks('sh');
    const shell = async (line: string, id = '') => {
      const words = line.replace('$ID', id).replace('dir:./state', 'dir:state').split(' ').slice(1);
      const { code, stdout, stderr } = await run([...words, '--json'], node.base);
      expect([code, stderr]).toEqual([0, '']);
      return JSON.parse(stdout) as { readonly id: string; readonly key: string };
    };
    const { id, key } = await shell(create);
    expect(requests).toHaveLength(4);
    for (const [, name, value = '', target = '', status, code] of requests) {
      const headers = name === undefined ? {} : { [name]: value.replace('$KEY', key) };
      const answer = await ask(node.port, target, { headers });
      expect([target, answer.status]).toEqual([target, Number(status)]);
      if (code !== undefined) expect(answer.json()).toMatchObject({ code });
      else expect(answer.body.toString()).not.toContain(key);
    }
    const fresh = await shell(rotate, id);
    for (const shown of [key, fresh.key])
      expect((await ask(node.port, '/orders/1', { headers: { 'x-api-key': shown } })).status).toBe(200);
    const other = await shell(create);
    await shell(revoke, other.id);
    expect((await ask(node.port, '/orders/1', { headers: { 'x-api-key': other.key } })).status).toBe(401);
  } finally {
    await node.close();
    await echo.close();
  }
}, 90_000);
