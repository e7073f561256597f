import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mapping, RESOLVING_CONFIG, temporaryFolder, type Folder } from './manifest-fixture.ts';
import { ROOT, run } from './terminal-fixture.ts';

let folder: Folder;
beforeEach(() => {
  folder = temporaryFolder();
  folder.write('routes.config.ts', RESOLVING_CONFIG);
  folder.write('shop/shop.yaml', mapping('shop', 'hostname: "*", prefix: /shop/, service: web'));
});
afterEach(() => folder.remove());

const test = (...words: readonly string[]) => run(['test', ...words], { cwd: folder.path });

function probe(name: string, url: string, expectation: string, request = ''): string {
  return `- name: ${name}\n  request: { method: GET, url: '${url}'${request} }\n  expect: { ${expectation} }\n`;
}

const GOOD =
  probe('forwarded', 'http://a.test/shop/x', 'outcome: forward, upstream: { url: "http://web.default.svc/x" }') +
  probe('nothing here', 'http://a.test/x', 'outcome: no-route, status: 404');

describe('portolan test', () => {
  it('passes the probes of the examples', async () => {
    const { code, stdout, stderr } = await run(['test', 'examples/backend.probes.yaml', 'examples/shop.probes.yaml'], {
      cwd: ROOT,
    });
    expect(stdout.split('\n').filter((line) => line.startsWith('not ok'))).toEqual([]);
    expect([code, stderr]).toEqual([0, '']);
    expect(Number(/^1\.\.(\d+)$/m.exec(stdout)?.[1])).toBeGreaterThanOrEqual(25);
  });

  it('reads the folder of the file when no source is named', async () => {
    folder.write('shop/a.probes.yaml', GOOD);
    const { code, stdout, stderr } = await test('shop/a.probes.yaml');
    expect(stdout).toBe('1..2\nok 1 - forwarded\nok 2 - nothing here\n# 2 passed, 0 failed\n');
    expect([code, stderr]).toEqual([0, '']);
  });

  it('takes the sources of -f for every file', async () => {
    folder.write('a.probes.yaml', GOOD);
    folder.write(
      'other/b.probes.json',
      JSON.stringify([
        { name: 'b', request: { method: 'GET', url: 'http://a.test/shop/' }, expect: { outcome: 'forward' } },
      ]),
    );
    const { code, stdout } = await test('a.probes.yaml', 'other/b.probes.json', '-f', 'shop');
    expect([code, stdout.split('\n')[0]]).toEqual([0, '1..3']);
  });

  it('shows the difference and the near misses of a failed test', async () => {
    folder.write(
      'shop/a.probes.yaml',
      probe('"wrong # one"', 'http://a.test/shop', 'outcome: forward, upstream: { headers: { a: b } }') + GOOD,
    );
    const { code, stdout } = await test('shop/a.probes.yaml');
    expect(code).toBe(1);
    expect(stdout).toBe(`1..3
not ok 1 - wrong \\# one
  # shop/a.probes.yaml:1  GET http://a.test/shop
  # outcome
  #   expected: "forward"
  #   actual:   "no-route"
  # upstream
  #   expected: {"headers":{"a":"b"}}
  #   actual:   nothing
  # near misses
  #   Mapping/default/shop  shop/shop.yaml:1
  #     path: wants prefix /shop/, got /shop
ok 2 - forwarded
ok 3 - nothing here
# 2 passed, 1 failed
`);
  });

  it('prints one JSON document with --json', async () => {
    folder.write('shop/a.probes.yaml', GOOD + probe('bad', 'http://a.test/', 'status: 200'));
    const { code, stdout } = await test('shop/a.probes.yaml', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      results: [
        { file: 'shop/a.probes.yaml', line: 1, name: 'forwarded', ok: true, differences: [], offlineOnly: [] },
        { name: 'nothing here', ok: true },
        { name: 'bad', ok: false, differences: [{ path: 'status', expected: 200, actual: 404 }] },
      ],
      counts: { passed: 2, failed: 1, offlineOnly: 0 },
      findings: [],
    });
  });

  it('fails when a test cannot be read, and runs the others', async () => {
    folder.write('shop/a.probes.yaml', probe('typo', 'http://a.test/', 'outcom: forward') + GOOD);
    const { code, stdout, stderr } = await test('shop/a.probes.yaml');
    expect([code, stdout]).toEqual([1, '1..2\nok 1 - forwarded\nok 2 - nothing here\n# 2 passed, 0 failed\n']);
    expect(stderr).toContain('Did you mean `outcome`?');
    expect((await test('shop/none.probes.yaml')).code).toBe(1);
    expect((await test()).code).toBe(2);
  });
});

/** Like the gateway of the tests above with an echo backend behind it. */
function faithful({ url: target = '', rawHeaders }: IncomingMessage, response: ServerResponse): void {
  if (!target.startsWith('/shop/')) {
    response.writeHead(404, { 'content-type': 'application/problem+json' }).end('{"status":404,"code":"no-route"}');
    return;
  }
  const headers = Array.from({ length: rawHeaders.length / 2 }, (_, index) =>
    rawHeaders.slice(index * 2, index * 2 + 2),
  );
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ service: 'web', method: 'GET', url: target.slice(5), headers }));
}

describe('portolan test --against', () => {
  const seen: { target: string | undefined; headers: readonly string[] }[] = [];
  let gateway: Server;
  let url: string;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  beforeEach(async () => {
    seen.length = 0;
    gateway = createServer((request, response) => {
      seen.push({ target: request.url, headers: request.rawHeaders });
      answer(request, response);
    });
    gateway.on('upgrade', (_, socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
    );
    await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => gateway.close(resolve)));

  it('sends what the test says, byte for byte, and compares what comes back', async () => {
    answer = faithful;
    folder.write(
      'shop/a.probes.yaml',
      GOOD +
        probe(
          'raw',
          'https://B.test/shop/../%2e//x?q',
          'outcome: refuse, code: no-route',
          ', headers: { X-Mixed: Case }, clientIp: 203.0.113.7',
        ) +
        probe('bare', 'http://a.test', 'route: null, status: 404'),
    );
    const { code, stdout } = await test('shop/a.probes.yaml', '--against', url);
    expect(stdout).toContain('ok 1 - forwarded\nok 2 - nothing here\nnot ok 3 - raw');
    expect(stdout).toContain('ok 4 - bare\n# 3 passed, 1 failed; 1 key offline only');
    expect(code).toBe(1);
    expect(seen.map(({ target }) => target)).toEqual(['/shop/x', '/x', '/shop/../%2e//x?q', '/']);
    expect(seen[0]?.headers).toEqual(expect.arrayContaining(['Host', 'a.test', 'x-forwarded-proto', 'http']));
    expect(seen[2]?.headers.join(' ')).toContain(
      'Host B.test X-Mixed Case x-forwarded-proto https x-forwarded-for 203.0.113.7',
    );
  });

  it('fails when the gateway answers otherwise', async () => {
    answer = (_, response) =>
      void response.writeHead(503, { 'content-type': 'application/problem+json' }).end('{"code":"no-program"}');
    folder.write('shop/a.probes.yaml', GOOD);
    const { code, stdout } = await test('shop/a.probes.yaml', '--against', url);
    expect(code).toBe(1);
    expect(stdout).toContain('# 0 passed, 2 failed');
    expect(stdout).toContain('  #   expected: "forward"\n  #   actual:   "refuse"');
  });

  it('understands an upgrade', async () => {
    const headers = ', headers: { connection: Upgrade, upgrade: websocket }';
    folder.write(
      'shop/shop.yaml',
      mapping('shop', 'hostname: "*", prefix: /shop/, service: web, allow_upgrade: [websocket]'),
    );
    folder.write(
      'shop/a.probes.yaml',
      probe('ws', 'http://a.test/shop/', 'outcome: forward, upstream: { host: a.test }', headers),
    );
    expect(await test('shop/a.probes.yaml', '--against', url)).toMatchObject({
      code: 0,
      stdout: '1..1\nok 1 - ws\n# 1 passed, 0 failed; 1 key offline only\n',
    });
  });

  it('fails when nobody answers, and when the address is none', async () => {
    answer = (request) => request.socket.destroy();
    folder.write('shop/a.probes.yaml', GOOD);
    const { code, stdout } = await test('shop/a.probes.yaml', '--against', url);
    expect([code, stdout.match(/no answer: /g)?.length]).toEqual([1, 2]);
    const wrong = await test('shop/a.probes.yaml', '--against', '127.0.0.1:8787');
    expect([wrong.code, wrong.stderr.includes('for example http://127.0.0.1:8787')]).toEqual([2, true]);
    expect((await test(join('shop', 'a.probes.yaml'), '--against', `${url}/path`)).code).toBe(2);
  });
});
