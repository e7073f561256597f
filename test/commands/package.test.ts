/**
 * What `npm pack` gives, in an empty folder: builds the package, unpacks it beside its dependencies
 * (linked, so that no registry is asked) and uses it as a person would.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder, type Folder } from './manifest-fixture.ts';
import { ROOT } from './terminal-fixture.ts';

const execute = promisify(execFile);

let folder: Folder;
let bin: string;
beforeAll(async () => {
  folder = temporaryFolder();
  await execute('npm', ['pack', '--silent', '--pack-destination', folder.path], { cwd: ROOT });
  const archive = readdirSync(folder.path).find((name) => name.endsWith('.tgz')) ?? '';
  const modules = join(folder.path, 'node_modules');
  mkdirSync(join(modules, 'portolan'), { recursive: true });
  await execute('tar', ['-xzf', join(folder.path, archive), '-C', join(modules, 'portolan'), '--strip-components=1']);
  const manifest: { dependencies: Record<string, string>; bin: { portolan: string } } = JSON.parse(
    readFileSync(join(modules, 'portolan/package.json'), 'utf8'),
  );
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  bin = join(modules, 'portolan', manifest.bin.portolan);
  // As `npm init -y` leaves it.
  writeFileSync(join(folder.path, 'package.json'), '{ "name": "mine", "type": "commonjs" }');
});
afterAll(() => folder.remove());

function portolan(...argv: string[]): Promise<{ stdout: string; stderr: string }> {
  return execute(process.execPath, [bin, ...argv], { cwd: folder.path });
}

describe('the published package', () => {
  it('starts with init, which check then finds nothing wrong with', async () => {
    expect((await portolan('init')).stdout).toContain('written  routes.config.ts');
    const { stdout } = await portolan('check', '-f', 'manifests', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ counts: { error: 0 }, resources: 1, routes: 3 });
  });

  it('types routes.config.ts', async () => {
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', ''];
    await execute(tsc, [...options, 'routes.config.ts'], { cwd: folder.path });
    const wrong = readFileSync(join(folder.path, 'routes.config.ts'), 'utf8').replace(
      'policies: { cors:',
      'policies: { crs:',
    );
    writeFileSync(join(folder.path, 'wrong.config.ts'), wrong);
    const failure: unknown = await execute(tsc, [...options, 'wrong.config.ts'], { cwd: folder.path }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      stdout: expect.stringContaining("'crs' does not exist in type 'PoliciesDefinition<never>'"),
    });
  });

  it('serves with dev, with the Worker that it brings along', async () => {
    const port = await freePort();
    const child = spawn(process.execPath, [bin, 'dev', '-f', 'manifests', '--port', String(port), '--json'], {
      cwd: folder.path,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = new Promise((resolve) => child.on('close', resolve));
    try {
      for await (const chunk of child.stdout) if (String(chunk).includes('"event":"ready"')) break;
      const answer = await fetch(`http://127.0.0.1:${port}/backend/hello`);
      expect(await answer.json()).toMatchObject({ url: '/hello', service: expect.stringContaining('backend-service') });
      expect(await (await fetch(`http://127.0.0.1:${port}/hello`)).text()).toBe('Hello from the gateway.\n');
    } finally {
      child.kill('SIGTERM');
    }
    expect(await closed).toBe(0);
  });

  it.each([
    ['cut off', (code: string) => code.slice(0, 1000), /an edge process ended while it started: .*SyntaxError/],
    ['missing', () => null, /worker\.js is missing: install portolan again/],
  ])('says in one line that the Worker it brings along is %s', async (_what, damage, expected) => {
    const worker = join(folder.path, 'node_modules/portolan/dist/worker.js');
    const whole = readFileSync(worker, 'utf8');
    const damaged = damage(whole);
    try {
      if (damaged === null) rmSync(worker);
      else writeFileSync(worker, damaged);
      const failure: unknown = await portolan('serve', '--port', '0', '--state', 'st', '-f', 'manifests').catch(
        (error: unknown) => error,
      );
      expect(failure).toMatchObject({ code: 1, stderr: expect.stringMatching(expected) });
      const { stderr } = { stderr: '', ...Object(failure) };
      expect(stderr.split('\n').filter((line: string) => line.startsWith('portolan:'))).toHaveLength(1);
      expect(stderr).not.toMatch(/^\s+at /m);
    } finally {
      writeFileSync(worker, whole);
    }
  });

  it('holds neither tests nor sources', () => {
    const names = readdirSync(join(folder.path, 'node_modules/portolan'), { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => /\.test\.|^(src|test|scripts|examples)\b|(?<!\.d)\.ts$/.test(name))).toEqual([]);
    expect(names).toEqual(expect.arrayContaining(['dist/worker.js', 'dist/index.d.ts', 'LICENSE', 'README.md']));
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
