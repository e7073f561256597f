import { describe, expect, it } from 'vitest';
import { run } from './terminal-fixture.ts';

describe('portolan dev', () => {
  it.each([
    [['--port', '70000'], {}, '--port must be a number from 0 to 65535; got "70000"'],
    [[], { PORT: 'http' }, 'PORT must be a number from 0 to 65535; got "http"'],
    [['--port', 'x'], { PORT: '8787' }, '--port must be'],
  ])('%j with %j says where the port was written', async (options, env, message) => {
    const { code, stderr } = await run(['dev', '--config', 'none', ...options], { cwd: '.', env });
    expect([code, stderr]).toEqual([2, expect.stringMatching(new RegExp(`^portolan: ${message}`))]);
  });
});
