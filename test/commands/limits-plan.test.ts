import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type RunOptions } from './terminal-fixture.ts';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'portolan-limits-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const plan = (argv: readonly string[], stdin = '', options: RunOptions = {}) =>
  run(['limits', 'plan', ...argv], { cwd, stdin, ...options });
const perMinute = (rate: number): readonly string[] => ['--rate', String(rate), '--unit', 'minute'];

/** `203.0.113.1` at second `second` of an hour. */
function line(second: number, { address = '203.0.113.1', target = '/' } = {}): string {
  const clock = `14:${String(Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')}`;
  return `${address} - - [25/Nov/2025:${clock} +0000] "GET ${target} HTTP/1.1" 200 1 "-" "-"\n`;
}

/** A line of JSON. */
const entry = (second: number, tenant: string | undefined, method = 'GET') =>
  `${JSON.stringify({ time: `2025-11-25T14:00:0${second}Z`, address: '192.0.2.1', method, path: '/', tenant })}\n`;

/** How many requests of each key were seen and refused. */
const keysOf = ({ stdout }: { readonly stdout: string }) =>
  Object.fromEntries(
    (JSON.parse(stdout) as { top: readonly { key: string; requests: number; refused: number }[] }).top.map(
      ({ key, requests, refused }) => [key, [requests, refused]],
    ),
  );

const LOG = [line(0), line(0), line(1), line(2, { address: '203.0.113.2' }), line(60), line(61)].join('');

describe('limits plan', () => {
  it('says who would have been refused, in words and as JSON', async () => {
    const { code, stdout, stderr } = await plan(['-', ...perMinute(1)], LOG);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('limit       1 per minute, burst 1\n');
    expect(stdout).toContain('refused     3 (50.00 %)\n');
    expect(stdout).toMatch(
      /^203\.0\.113\.1 +5 +3 +60\.00 % +2025-11-25T14:00:00\.000Z +2025-11-25T14:01:01\.000Z +2$/m,
    );
    expect(stdout).not.toContain('HOUR');

    const json = JSON.parse((await plan(['-', ...perMinute(1), '--json', '--top', '1'], LOG)).stdout) as object;
    expect(json).toEqual({
      limits: [
        {
          name: 'plan',
          words: '1 per minute, burst 1',
          limit: { algorithm: 'token-bucket', rate: 1, periodMs: 60_000, burst: 1 },
          refused: 3,
        },
      ],
      from: '2025-11-25T14:00:00.000Z',
      to: '2025-11-25T14:01:01.000Z',
      requests: 6,
      refused: 3,
      share: 0.5,
      unconcerned: 0,
      invalid: 0,
      late: 0,
      keys: { keys: 2, dropped: 0, refused: 1 },
      top: [
        {
          limit: 'plan',
          key: '203.0.113.1',
          requests: 5,
          refused: 3,
          longestRun: 2,
          share: 0.6,
          firstRefusal: '2025-11-25T14:00:00.000Z',
          lastRefusal: '2025-11-25T14:01:01.000Z',
        },
      ],
      hours: [{ hour: '2025-11-25T14:00:00.000Z', requests: 6, refused: 3 }],
      findings: [],
      counts: { error: 0, warning: 0, info: 0 },
    });
  });

  it('reads several files as one, compressed ones too, in whatever order they are given', async () => {
    writeFileSync(join(cwd, 'access.log'), LOG.slice(LOG.length / 2));
    writeFileSync(join(cwd, 'access.log.1.gz'), gzipSync(LOG.slice(0, LOG.length / 2)));
    for (const files of [
      ['access.log', 'access.log.1.gz'],
      ['access.log.1.gz', 'access.log'],
    ]) {
      const { code, stdout } = await plan([...files, ...perMinute(1), '--json', '--by-hour']);
      expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ requests: 6, refused: 3, late: 0 })]);
    }
    const shown = await plan(['access.log', ...perMinute(1), '--by-hour']);
    expect(shown.stdout).toMatch(/^2025-11-25T14:00Z +3 +1 +#+x+$/m);
  });

  it('takes limits as routes.config.ts has them, several at once', async () => {
    const limits = [
      { name: 'all', rate: 2, unit: 'minute' },
      { name: 'api', rate: 1, unit: 'hour', pattern: '/api/*', when: 'before-auth', shadow: true },
    ];
    const log = [line(0, { target: '/api/1' }), line(1, { target: '/api/2?x=1' }), line(2), line(3)].join('');
    const { code, stdout } = await plan(['-', '--limit', JSON.stringify(limits)], log);
    expect(code).toBe(0);
    expect(stdout).toContain('limit       all: 2 per minute, burst 2; refused 1\n');
    expect(stdout).toContain('limit       api: 1 per hour, burst 1; refused 1\n');
    expect(stdout).toMatch(/^api +203\.0\.113\.1 +2 +1 /m);
  });

  it('counts each combination of the parts that --key names, in the order in which they stand', async () => {
    const log = [entry(0, 'a'), entry(1, 'a'), entry(2, 'b'), entry(3, 'a', 'POST'), entry(4, undefined)].join('');
    const byTenant = ['--key', 'header:X-Tenant', '--key', 'method', '--field', 'header:x-tenant=tenant'];
    const fields = ['time', 'address', 'method', 'path'].flatMap((name) => ['--field', `${name}=${name}`]);
    const argv = ['-', ...perMinute(1), ...byTenant, ...fields, '--json'];
    const counted = { 'x-tenant=a GET': [2, 1], 'x-tenant=a POST': [1, 0], 'x-tenant=b GET': [1, 0] };
    expect(keysOf(await plan(argv, log))).toEqual({ ...counted, '192.0.2.1 GET': [1, 0] });
    expect(keysOf(await plan([...argv, '--missing', 'skip'], log))).toEqual(counted);
  });

  it.each([
    // 23:30 and 00:30 in Berlin: one day in UTC, two there.
    [['calendar', '--zone', 'Europe/Berlin'], 0],
    [['calendar'], 1],
    [['fixed-window'], 1],
    [['sliding-window'], 1],
    [['token-bucket'], 1],
  ])('--algorithm %j over midnight of a zone refuses %i', async ([algorithm, ...zone], refused) => {
    const argv = ['-', '--rate', '1', '--unit', 'day', '--algorithm', algorithm ?? '', ...zone, '--json'];
    const { code, stdout } = await plan(
      argv,
      line(0).replace('14:00:00', '22:30:00') + line(0).replace('14:00:00', '23:30:00'),
    );
    expect([code, (JSON.parse(stdout) as { refused: number }).refused]).toEqual([0, refused]);
  });

  it.each([
    [['--algorithm', 'calendar', '--zone', 'Mars/Base', '--unit', 'day'], 'no time zone'],
    [['--algorithm', 'fixed-window', '--unit', 'month'], 'no limit that a route could have'],
    [['--algorithm', 'leaky-bucket', '--unit', 'day'], '--algorithm must be one of'],
  ])('%j is no limit', async (argv, message) => {
    const { code, stdout, stderr } = await plan(['-', '--rate', '1', ...argv], LOG);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('tells of lines that it cannot read, and does the rest', async () => {
    const log = `${LOG}\u001b]0;owned\u0007 \u009b31m\n{"a":1}\n${line(5).replace('GET / HTTP/1.1', String.raw`\x16\x03`)}`;
    const { code, stdout, stderr } = await plan(['-', ...perMinute(1)], log);
    expect(code).toBe(3);
    expect(stdout).toContain('requests    6\n');
    expect(stderr).toContain('log-line-unreadable');
    expect(stderr).toContain(String.raw`\x1b]0;owned\x07 \x9b31m`);
    expect(stderr).toContain('no field holds its time');
    const json = await plan(['-', ...perMinute(1), '--json'], log);
    expect([json.code, json.stderr, JSON.parse(json.stdout)]).toEqual([
      3,
      '',
      expect.objectContaining({ counts: { error: 0, warning: 3, info: 0 } }),
    ]);
  });

  it('of what a log names otherwise --field tells', async () => {
    const log = `${JSON.stringify({ at: 1_700_000_000, who: '192.0.2.1' })}\n`.repeat(3);
    const fields = ['time=at', 'address=who'].flatMap((pair) => ['--field', pair]);
    const { code, stdout } = await plan(['-', ...perMinute(2), ...fields], log);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^192\.0\.2\.1 +3 +1 /m);
    expect(await plan(['-', ...perMinute(2)], log)).toMatchObject({ code: 1 });
  });

  it('a limit that could never apply is told of', async () => {
    const { code, stdout, stderr } = await plan(['-', ...perMinute(1), '--pattern', 'api'], LOG);
    expect(code).toBe(3);
    expect(stdout).toContain('unconcerned 6 that no limit counts\n');
    expect(stderr).toContain('rate-limit-pattern-never-matches');
  });

  it('times of whole seconds are told of where they matter', async () => {
    const { code, stderr } = await plan(['-', '--rate', '1', '--unit', 'second'], LOG);
    expect(code).toBe(0);
    expect(stderr).toContain('log-times-coarse');
  });

  it('says how many requests came too late in the file to be put in order', async () => {
    const { code, stderr, stdout } = await plan(
      ['-', ...perMinute(1)],
      [line(0), line(600), line(1_200), line(1)].join(''),
    );
    expect([code, stdout.includes('requests    4\n')]).toEqual([0, true]);
    expect(stderr).toContain('1 request began more than a minute before');
  });

  it('exits 1 where there is nothing to tell from', async () => {
    mkdirSync(join(cwd, 'folder'), { recursive: true });
    for (const [files, stdin, message] of [
      [['-'], '', 'there is no request in standard input'],
      [['-'], 'nonsense\n', 'no request can be read from standard input'],
      [['absent.log'], '', 'absent.log cannot be read'],
      [['folder'], '', 'folder cannot be read'],
    ] as const) {
      const { code, stdout, stderr } = await plan([...files, ...perMinute(1)], stdin);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(message);
    }
  });

  it.each([
    [['-'], '--rate N'],
    [['-', '--rate', '5'], '--unit UNIT'],
    [['-', '--rate', 'many', '--unit', 'hour'], '--rate must be a whole number'],
    [[...perMinute(1)], 'needs a LOG'],
    [['-', '-', ...perMinute(1)], 'once only'],
    [['-', ...perMinute(1), '--to', 'dir:x'], 'takes no --to'],
    [['-', ...perMinute(1), '--key', 'shoe-size'], '--key must be one of'],
    [['-', ...perMinute(1), '--field', 'when=ts'], '--field must be NAME=PATH'],
    [['-', '--limit', '{"rate":1}', '--rate', '1'], 'has no place beside it'],
    [['-', '--limit', 'rate'], '--limit must be a limit as JSON'],
    [['-', '--limit', '{"rate":0,"unit":"hour"}'], 'no limit that a route could have'],
  ])('%j is wrong usage', async (argv, message) => {
    const { code, stdout, stderr } = await plan(argv, LOG);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('no line reaches the terminal as it is, whatever is in it', async () => {
    const nasty = fc.string({
      unit: fc.constantFrom('\u001b', '\u0007', '\u009b', '\r', '[', '"', ' ', 'a', '\\', '{', '}'),
    });
    await fc.assert(
      fc.asyncProperty(nasty, nasty, async (garbage, address) => {
        const json = JSON.stringify({ ts: 1_700_000_000, client_ip: address === '' ? 'x' : address });
        const { code, stdout, stderr } = await plan(['-', ...perMinute(1)], `${LOG}${garbage}\n${json}\n${json}\n`);
        expect([0, 3]).toContain(code);
        // oxlint-disable-next-line no-control-regex
        expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      }),
      { numRuns: 50 },
    );
  });
});
