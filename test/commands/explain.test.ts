import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mapping, RESOLVING_CONFIG, temporaryFolder, type Folder } from './manifest-fixture.ts';
import { run } from './terminal-fixture.ts';

let folder: Folder;
beforeEach(() => {
  folder = temporaryFolder();
  folder.write('routes.config.ts', RESOLVING_CONFIG);
});
afterEach(() => folder.remove());

const SHOP = [
  mapping('all', 'hostname: "*", prefix: /, service: web'),
  mapping('api', 'hostname: "*", prefix: /api/, service: "api:8080", cors: { origins: "*" }'),
  mapping('canary', 'hostname: "*", prefix: /api/, service: canary, weight: 20'),
  mapping('beta', 'hostname: "*", prefix: /api/, service: beta, headers: { x-beta: "1" }'),
].join('---\n');

const explain = (...words: readonly string[]) =>
  run(['explain', '-f', '-', ...words], { cwd: folder.path, stdin: SHOP });

describe('portolan explain', () => {
  it('prints the object with --json', async () => {
    const { code, stdout, stderr } = await explain('GET', 'http://a.test/api/x?y=1', '--json');
    expect([code, stderr]).toEqual([0, '']);
    const answer: object = JSON.parse(stdout);
    expect(Object.keys(answer)).toEqual([
      'outcome',
      'status',
      'code',
      'route',
      'nearMisses',
      'policies',
      'consumer',
      'request',
      'upstream',
      'candidates',
      'location',
    ]);
    expect(answer).toMatchObject({
      outcome: 'forward',
      route: {
        id: 'Mapping/default/api',
        source: { kind: 'Mapping', namespace: 'default', name: 'api', file: '-', line: 6 },
      },
      upstream: { url: 'http://api.default.svc:8080/x?y=1', host: 'a.test' },
      candidates: [
        { url: 'http://canary.default.svc/x?y=1', weight: 20 },
        { url: 'http://api.default.svc:8080/x?y=1', weight: 80 },
      ],
    });
  });

  it('lists the limits of a request below what it says of them', async () => {
    const limited = mapping(
      'all',
      'hostname: "*", prefix: /, service: web, rate_limits: [{name: n, limits: [{pattern: "*", rate: 5, unit: hour}, {pattern: "/a*", rate: 1, unit: second}]}]',
    );
    const words = ['GET', 'http://a.test/api', '--client-ip', '2001:db8::1'];
    const { stdout } = await run(['explain', '-f', '-', ...words], { cwd: folder.path, stdin: limited });
    const from = stdout.indexOf('policies');
    expect(stdout.slice(from).split('\n').slice(0, 3)).toEqual([
      'policies    rate-limit: must be allowed by n.0 and n.1',
      '              n.0: 5 per hour, burst 5; exact, below 1,000; counter rl/default%2Fall/n/0|a:2001%3Adb8%3A%3A%2F64',
      '              n.1: 1 per second, burst 1; exact, below 1,000; counter rl/default%2Fall/n/1|a:2001%3Adb8%3A%3A%2F64',
    ]);
  });

  it('tells a person the way of the request', async () => {
    const { code, stdout } = await explain(
      'get',
      'http://a.test/%61pi/x',
      '-H',
      'Origin: https://b.test',
      '--client-ip',
      '203.0.113.7',
    );
    expect(code).toBe(0);
    for (const text of [
      /^request +GET http:\/\/a\.test\/%61pi\/x$/m,
      /^path +\/api\/x \(sent as \/%61pi\/x\)$/m,
      /^domain +\* \(default; for a\.test, http, client 203\.0\.113\.7\)$/m,
      /^route +Mapping\/default\/api {2}-:6$/m,
      /^policies +cors: the origin is let in/m,
      /^answer +forward to http:\/\/api\.default\.svc:8080\/x$/m,
      /^ +host: a\.test$/m,
      /^ +x-forwarded-for: 203\.0\.113\.7$/m,
      /^shares +20 % {2}forward to .*\(Mapping\/default\/canary\)$/m,
      /^near misses Mapping\/default\/all/m,
      /^ +matches too, but Mapping\/default\/api comes first$/m,
      /^ +headers\.x-beta: wants 1, the request has none$/m,
    ]) {
      expect(stdout).toMatch(text);
    }
  });

  it('exits 0 whatever the outcome, and reads the URL as text', async () => {
    const refused = await explain('GET', 'http://a.test/api/../x');
    expect(refused).toMatchObject({ code: 0, stderr: '' });
    expect(refused.stdout).toMatch(/^path +\/api\/\.\.\/x \(as sent\)$/m);
    expect(refused.stdout).toMatch(/^answer +refuse 400 dot-segments-rejected$/m);
  });

  it('shows no escape sequence of the request to the terminal', async () => {
    const { stdout } = await explain('GET', 'http://a.test/\u001b[2J', '-H', 'x-a: \u001b[2J');
    expect(stdout).not.toContain('\u001b');
  });

  it('answers for the target, and for dev with --echo', async () => {
    folder.write('routes.config.ts', 'export default {};\n');
    expect((await explain('GET', 'http://a.test/')).stdout).toContain('upstream-unresolved');
    expect((await explain('GET', 'http://a.test/', '--echo')).stdout).toContain('http://web.default/');
  });

  it('says when the sources have errors', async () => {
    const stdin = mapping('wrong', 'hostname: "*", prefix: /, service: "http://:1"');
    const { code, stdout, stderr } = await run(['explain', '-f', '-', 'GET', 'http://a.test/'], {
      cwd: folder.path,
      stdin,
    });
    expect([code, stdout.includes('service-invalid')]).toEqual([0, true]);
    expect(stderr).toContain('1 error: see `portolan check`');
  });

  it.each([
    [['GET'], 'An argument is missing'],
    [['GET', '/path'], 'must start with http://'],
    [['G T', 'http://a.test/'], 'no HTTP method'],
    [['GET', 'http://a.test/', '-H', 'nothing'], "'NAME: VALUE'"],
    [['GET', 'http://a.test/', '--client-ip', 'x'], 'no IP address'],
  ])('is wrong usage: %j', async (words, message) => {
    const { code, stdout, stderr } = await explain(...words);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });
});
