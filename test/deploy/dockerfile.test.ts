/** The Dockerfile without a daemon: its build context, its build in a folder that holds nothing else, its entry point. */
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const execute = promisify(execFile);
const root = path.resolve(import.meta.dirname, '..', '..');
const instructions = fs
  .readFileSync(path.join(root, 'Dockerfile'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, verb = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    return verb === '' ? [] : [{ verb, words: rest.split(' ') }];
  });

const copies = instructions.flatMap(({ verb, words }) => (verb === 'COPY' ? [words] : []));
/** Out of the build context. */
const sources = copies.filter(([first]) => first?.startsWith('--') === false).flatMap((words) => words.slice(0, -1));
/** Each lands under its own name. */
const targets = copies.map((words) => words.at(-1) ?? '');
/** Out of the stage that builds, by their path in /app. */
const kept = copies.filter(([first]) => first === '--from=build').map(([, from = '']) => path.relative('/app', from));

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-image-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('Dockerfile', () => {
  it('copies what is there and what .dockerignore lets through, and nothing else is sent to the daemon', () => {
    const [first, ...others] = fs.readFileSync(path.join(root, '.dockerignore'), 'utf8').trim().split('\n');
    expect(first).toBe('*');
    expect(sources.length).toBeGreaterThan(5);
    expect(targets.filter((at) => at !== './' && ![...sources, ...kept].includes(at.replace(/^\.\//, '')))).toEqual([]);
    expect(others.toSorted()).toEqual(sources.map((source) => `!${source.replace(/^\.\//, '')}`).toSorted());
    for (const source of sources) expect([source, fs.existsSync(path.join(root, source))]).toEqual([source, true]);
  });

  it('builds from no more than it copies, and runs from no more than it keeps', async () => {
    const build = path.join(folder, 'build');
    for (const source of sources) fs.cpSync(path.join(root, source), path.join(build, source), { recursive: true });
    // What `npm ci` would give.
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(build, 'node_modules'));
    const runs = instructions.flatMap(({ verb, words }) => (verb === 'RUN' ? [words.join(' ')] : []));
    expect(runs.filter((run) => /\bnpm run -s build\b/.test(run))).toHaveLength(1);
    await execute('npm', ['run', '-s', 'build'], { cwd: build });

    const app = path.join(folder, 'app');
    fs.mkdirSync(app);
    expect(kept.toSorted()).toEqual(['dist', 'node_modules', 'package.json']);
    for (const name of ['dist', 'package.json']) fs.renameSync(path.join(build, name), path.join(app, name));
    // What `npm prune --omit=dev` leaves.
    for (const name of Object.keys(manifest.dependencies)) {
      const at = path.join(app, 'node_modules', name);
      fs.mkdirSync(path.dirname(at), { recursive: true });
      fs.symlinkSync(path.join(root, 'node_modules', name), at);
    }
    const [entry = ''] = instructions.flatMap(({ verb, words }) => (verb === 'ENTRYPOINT' ? [words.join(' ')] : []));
    const [command, script = ''] = JSON.parse(entry) as string[];
    expect(command).toBe('node');
    const run = (...args: string[]) =>
      execute(process.execPath, [path.join(app, path.relative('/app', script)), ...args], { cwd: folder });
    expect((await run('help')).stdout).toContain('sync');
    expect((await run('sync', '--help')).stdout).toContain('--watch');
    const config = { apiVersion: 'v1', kind: 'Config', clusters: [], users: [], contexts: [] };
    fs.writeFileSync(path.join(folder, 'kubeconfig'), JSON.stringify(config));
    // The client of the API server is loaded when it is asked for: it must be there too.
    await expect(
      execute(process.execPath, [path.join(app, 'dist', 'cli.js'), 'sync', '--to', 'dir:state', '--once'], {
        cwd: folder,
        env: { ...process.env, KUBECONFIG: path.join(folder, 'kubeconfig') },
      }),
    ).rejects.toMatchObject({ stderr: expect.stringMatching(/kubeconfig/) });
  }, 90_000);

  it('runs as a user that is not root, in both stages on the same system', () => {
    expect(instructions.flatMap(({ verb, words }) => (verb === 'USER' ? words : []))).toEqual(['1000:1000']);
    const bases = instructions.flatMap(({ verb, words }) => (verb === 'FROM' ? [words[0]] : []));
    expect(new Set(bases).size).toBe(1);
  });
});
