import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, run, spawnCli } from './terminal-fixture.ts';

describe('portolan echo', () => {
  it('answers until it is stopped, then exits 0', async () => {
    const child = spawn(
      process.execPath,
      ['--conditions=portolan-source', join(ROOT, 'src/cli.ts'), 'echo', '--name', 'shop', '--json'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const exited = new Promise((resolve) => child.on('exit', resolve));
    let text = '';
    for await (const chunk of child.stdout) {
      text += String(chunk);
      if (text.endsWith('}\n')) break;
    }
    const { service, url }: { service: string; url: string } = JSON.parse(text);
    expect(service).toBe('shop');
    const answer = await fetch(`${url}/hello?x=1`);
    expect(await answer.json()).toMatchObject({ service: 'shop', url: '/hello?x=1' });
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  it.each(['70000', '-1', 'http', '1.5'])('refuses --port=%s', async (port) => {
    expect(await run(['echo', `--port=${port}`])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--port must be a number from 0 to 65535'),
    });
  });

  it('says in one line that the address cannot be used', async () => {
    const { code, stderr } = await spawnCli(['echo', '--host', '203.0.113.1']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'portolan: 203.0.113.1 is not an address of this machine.\n' });
  });
});
