import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from './terminal-fixture.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'portolan-init-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

describe('portolan init', () => {
  it('writes the starter files and says what to do next', async () => {
    const { code, stdout, stderr } = await run(['init'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toBe('written  routes.config.ts\nwritten  wrangler.toml\nwritten  manifests/backend.yaml\n');
    expect(stderr).toContain('npx portolan dev -f manifests/');
    expect(readFileSync(join(cwd, 'manifests/backend.yaml'), 'utf8')).toContain('prefix: /backend/');
  });

  it('never overwrites', async () => {
    writeFileSync(join(cwd, 'routes.config.ts'), 'mine');
    expect((await run(['init', '--json'], { cwd })).stdout).toBe(
      `${JSON.stringify({ folder: '.', written: ['wrangler.toml', 'manifests/backend.yaml'], kept: ['routes.config.ts'] }, null, 2)}\n`,
    );
    expect(readFileSync(join(cwd, 'routes.config.ts'), 'utf8')).toBe('mine');
    expect((await run(['init'], { cwd })).stdout).not.toContain('written');
  });

  it('makes a named folder', async () => {
    const { stderr } = await run(['init', 'gate/way'], { cwd });
    expect(stderr).toContain('cd gate/way');
    expect(readFileSync(join(cwd, 'gate/way/wrangler.toml'), 'utf8')).toContain('RateLimitObject');
  });

  it('says in one line when the place is not a folder', async () => {
    writeFileSync(join(cwd, 'file'), '');
    expect(await run(['init', 'file'], { cwd })).toMatchObject({ code: 1, stdout: '' });
    expect(await run(['init', 'file/x'], { cwd })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^portolan: Cannot write .*ENOTDIR\)\.\n$/),
    });
  });
});
