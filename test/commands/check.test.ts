import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mapping, RESOLVING_CONFIG, temporaryFolder, type Folder } from './manifest-fixture.ts';
import { run, spawnCli } from './terminal-fixture.ts';

let folder: Folder;
beforeEach(() => {
  folder = temporaryFolder();
  folder.write('routes.config.ts', RESOLVING_CONFIG);
});
afterEach(() => folder.remove());

const GOOD = mapping('shop', 'hostname: "*", prefix: /shop/, service: "shop:8080"');
const BROKEN = mapping('broken', 'hostname: "*", prefix: /broken/, service: "http://:80"');
const UNKNOWN_FIELD = mapping('typo', 'hostname: "*", prefix: /typo/, service: typo, rewirte: /');

describe('portolan check', () => {
  it('prints exactly the documented JSON', async () => {
    folder.write('a.yaml', `${GOOD}---\n${BROKEN}`);
    const { code, stdout, stderr } = await spawnCli(['check', '-f', 'a.yaml', '--json'], { cwd: folder.path });
    expect([code, stderr]).toEqual([1, '']);
    const answer: unknown = JSON.parse(stdout);
    expect(answer).toEqual({
      findings: [
        expect.objectContaining({ severity: 'info', code: 'parity-difference', source: null }),
        {
          severity: 'error',
          code: 'service-invalid',
          message: expect.stringMatching(/./),
          source: { kind: 'Mapping', namespace: 'default', name: 'broken', file: 'a.yaml', line: 9 },
          path: 'spec.service',
          hint: expect.anything(),
        },
      ],
      counts: { error: 1, warning: 0, info: 1 },
      resources: 2,
      routes: 2,
    });
  });

  it('says once where it differs from Ambassador, and only to those who have Mappings', async () => {
    const { code, stdout, stderr } = await spawnCli(['check', '-f', '-'], { cwd: folder.path, stdin: GOOD });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/info parity-difference/g)).toHaveLength(1);
    expect(stdout).toMatch(/\n0 errors, 0 warnings, 1 note; 1 resource, 1 route\n$/);
    const other = GOOD.replace('hostname:', 'ambassador_id: [blue], hostname:');
    expect((await run(['check', '-f', '-'], { cwd: folder.path, stdin: other })).stdout).not.toContain('parity');
  });

  it('exits 0 with nothing to say, and counts', async () => {
    const parity = "dotSegments: 'normalize', escapedSlashes: 'keep', pathParams: 'keep', hostPort: 'strict'";
    const same = `parity: { ${parity} }, gateway: { headersWithUnderscores: 'allow' }, clusters`;
    folder.write('routes.config.ts', RESOLVING_CONFIG.replace('clusters', same));
    const { code, stdout, stderr } = await run(['check', '-f', '-'], { cwd: folder.path, stdin: GOOD });
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '0 errors, 0 warnings, 0 notes; 1 resource, 1 route\n',
      stderr: '',
    });
  });

  it('groups by file and sorts by line', async () => {
    folder.write('in/b.yaml', `${GOOD}---\n${BROKEN}`);
    folder.write('in/a.yaml', BROKEN.replaceAll('broken', 'other'));
    const { stdout } = await run(['check', '-f', 'in'], { cwd: folder.path });
    expect(stdout.split('\n').filter((line) => /^in|^ +\d+ /.test(line))).toEqual(
      [
        'in/a.yaml',
        '    4  error service-invalid  Mapping/default/other spec.service',
        '',
        'in/b.yaml',
        '    9  error service-invalid  Mapping/default/broken spec.service',
      ].filter((line) => line !== ''),
    );
  });

  it('is 1 for warnings only with --strict', async () => {
    const warned = { cwd: folder.path, stdin: UNKNOWN_FIELD };
    const { code, stdout } = await run(['check', '-f', '-', '--json'], warned);
    const { counts }: { counts: { error: number; warning: number } } = JSON.parse(stdout);
    expect([code, counts.error > 0, counts.warning > 0]).toEqual([counts.error > 0 ? 1 : 0, counts.error > 0, true]);
    expect((await run(['check', '-f', '-', '--strict'], warned)).code).toBe(1);
  });

  it('folds thousands of one code, unless --all', async () => {
    const many = Array.from({ length: 200 }, (_, index) => BROKEN.replaceAll('broken', `b${index}`)).join('---\n');
    const folded = await run(['check', '-f', '-'], { cwd: folder.path, stdin: many });
    expect(folded.stdout).toContain('… and 190 more error service-invalid (--all shows them)');
    expect(folded.stdout).toContain('200 errors, ');
    const all = await run(['check', '-f', '-', '--all'], { cwd: folder.path, stdin: many });
    expect(all.stdout.match(/error service-invalid/g)).toHaveLength(200);
    const json = await run(['check', '-f', '-', '--json'], { cwd: folder.path, stdin: many });
    expect(JSON.parse(json.stdout)).toMatchObject({ counts: { error: 200 }, resources: 200 });
  });

  it.each([
    [['check'], 2, 'nothing to read'],
    [['check', '-f', 'nope.yaml'], 1, 'nope.yaml does not exist.'],
    [['check', '-f', '-', '--config', 'nope.ts'], 1, 'nope.ts'],
    [['check', '-f', '-', '--target', 'moon'], 2, 'self-hosted, cloudflare'],
  ])('%j is one line on stderr', async (argv, code, message) => {
    const empty = temporaryFolder();
    const outcome = await spawnCli(argv, { cwd: empty.path });
    empty.remove();
    expect(outcome).toEqual({ code, stdout: '', stderr: expect.stringContaining(message) });
    expect(outcome.stderr.trimEnd()).not.toContain('\n');
  });

  it('passes the Ambassador options on', async () => {
    const other = GOOD.replace('hostname:', 'ambassador_id: [blue], hostname:');
    const routes = async (...options: string[]): Promise<number> => {
      const { stdout } = await run(['check', '-f', '-', '--json', ...options], { cwd: folder.path, stdin: other });
      const answer: { routes: number } = JSON.parse(stdout);
      return answer.routes;
    };
    expect([await routes(), await routes('--ambassador-id', 'blue')]).toEqual([0, 1]);
  });
});
