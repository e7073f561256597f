import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mapping, RESOLVING_CONFIG, temporaryFolder, type Folder } from './manifest-fixture.ts';
import { ROOT, run } from './terminal-fixture.ts';

let folder: Folder;
beforeEach(() => {
  folder = temporaryFolder();
  folder.write('routes.config.ts', RESOLVING_CONFIG);
});
afterEach(() => folder.remove());

const SHOP = [
  mapping('all', 'hostname: "*", prefix: /, service: web'),
  mapping('api', 'hostname: "*", prefix: /api/, service: "api:8080", method: GET, headers: { x-beta: "1" }'),
  mapping('canary', 'hostname: "*", prefix: /api/, service: canary, weight: 20, method: GET, headers: { x-beta: "1" }'),
  mapping('regex', 'hostname: "*", prefix: "/v[0-9]+/", prefix_regex: true, service: web'),
  mapping(
    'moved',
    'hostname: "*", prefix: /old/, service: www.example.com, host_redirect: true, prefix_redirect: /new/',
  ),
  mapping('wrong', 'hostname: "*", prefix: /wrong/, service: "http://:1"'),
].join('---\n');

describe('portolan routes', () => {
  it('lists the rows in match order with source, conditions and action', async () => {
    const { code, stdout } = await run(['routes', '-f', '-'], { cwd: folder.path, stdin: SHOP });
    expect(code).toBe(1);
    const [head, ...table] = stdout.trimEnd().split('\n');
    expect(head).toBe('*  (default, 6 rows)');
    expect(table.map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['PATH', 'METHOD', 'CONDITIONS', 'ACTION', 'SOURCE'],
      ['~/v[0-9]+/', 'http://web.default.svc /', 'Mapping/default/regex -:16'],
      ['/wrong/*', 'refuses 500 service-invalid', 'Mapping/default/wrong -:26'],
      ['/api/*', 'GET', 'x-beta: 1, share below 20%', 'http://canary.default.svc /*', 'Mapping/default/canary -:11'],
      ['/api/*', 'GET', 'x-beta: 1', 'http://api.default.svc:8080 /*', 'Mapping/default/api -:6'],
      ['/old/*', '301 www.example.com/new/*', 'Mapping/default/moved -:21'],
      ['/*', 'http://web.default.svc /*', 'Mapping/default/all -:1'],
    ]);
  });

  it('has the documented JSON keys', async () => {
    const { stdout } = await run(['routes', '-f', '-', '--json'], { cwd: folder.path, stdin: SHOP });
    const answer: { domains: { routes: { id: string }[] }[] } = JSON.parse(stdout);
    expect(answer).toMatchObject({
      counts: { error: 1 },
      domains: [{ id: 'default', hostname: '*', insecureAction: 'route', refuses: null }],
    });
    expect(answer.domains[0]?.routes[2]).toEqual({
      id: 'Mapping/default/canary',
      hostname: expect.toSatisfy((value) => value === null || value === '*'),
      path: { kind: 'prefix', value: '/api/', ignoreCase: false },
      method: 'GET',
      headers: [{ name: 'x-beta', kind: 'exact', value: '1' }],
      query: [],
      below: 20,
      group: expect.any(String),
      action: expect.objectContaining({ kind: 'forward' }),
      policies: [],
      source: { kind: 'Mapping', namespace: 'default', name: 'canary', file: '-', line: 11 },
      staleSince: null,
    });
  });

  it('shows a regex as it was written, not as it was compiled', async () => {
    const { stdout } = await run(['routes', '-f', '-', '--json'], { cwd: folder.path, stdin: SHOP });
    expect(stdout).toContain(String.raw`"value": "/v[0-9]+/"`);
  });

  it('does not mind a reader that goes away', async () => {
    const many = Array.from({ length: 2000 }, (_, index) =>
      mapping(`m${index}`, `hostname: "*", prefix: /${'long-path-'.repeat(10)}${index}/, service: web`),
    ).join('---\n');
    folder.write('many.yaml', many);
    const child = spawn(
      process.execPath,
      ['--conditions=portolan-source', join(ROOT, 'src/cli.ts'), 'routes', '-f', 'many.yaml'],
      { cwd: folder.path },
    );
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
