/** The small parts of the supervisor that need no runtime. */
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAdmin, parseDrain, parseProcesses } from '../../src/commands/serve-options.ts';
import { startAdminServer } from '../../src/serve/admin-server.ts';
import { BackOff } from '../../src/serve/back-off.ts';
import { claimNodeFolder } from '../../src/serve/node-folder.ts';
import { SerialQueue } from '../../src/serve/serial-queue.ts';
import { createLog, relayRuntimeLine } from '../../src/serve/serve-log.ts';
import { askSocket, assertSocketPath, listenOnSocket } from '../../src/sockets/unix-socket.ts';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('BackOff', () => {
  it('doubles while processes die before they serve, up to ten seconds', () => {
    const backOff = new BackOff();
    const delays = Array.from({ length: 9 }, () => backOff.delayAfter(50, false));
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  });

  it('begins again after a healthy life', () => {
    const backOff = new BackOff();
    for (let life = 0; life < 5; life += 1) backOff.delayAfter(0, false);
    expect(backOff.delayAfter(10_000, true)).toBe(100);
    expect(backOff.delayAfter(9_999, false)).toBe(200);
  });

  it('never keeps one away for long that came to serve', () => {
    const backOff = new BackOff();
    const delays = Array.from({ length: 5 }, () => backOff.delayAfter(2_000, true));
    expect(delays).toEqual([100, 200, 250, 250, 250]);
    for (let life = 0; life < 5; life += 1) backOff.delayAfter(0, false);
    expect(backOff.delayAfter(500, true)).toBe(250);
  });
});

describe('SerialQueue', () => {
  it('runs one at a time, in order, and goes on after a failure', async () => {
    const queue = new SerialQueue();
    const seen: string[] = [];
    const work = (name: string, fails: boolean) => async () => {
      seen.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
    const first = queue.run(work('a', true));
    const second = queue.run(work('b', false));
    await expect(first).rejects.toThrow('a');
    await expect(second).resolves.toBe('b');
    expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });
});

describe('logs', () => {
  const lines: string[] = [];
  const log = createLog('edge-1', (line) => void lines.push(line));
  const relayed = (line: string): Record<string, unknown> => {
    lines.length = 0;
    relayRuntimeLine(line, log);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('\n')).toBe(true);
    const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT/);
    return rest;
  };

  it('merge what the Worker logs', () => {
    const message = JSON.stringify({
      event: 'program-loaded',
      version: 'v',
      process: 'forged',
      level: 'forged',
      time: 0,
    });
    expect(relayed(JSON.stringify({ timestamp: 1, level: 'log', message }))).toEqual({
      level: 'info',
      process: 'edge-1',
      event: 'program-loaded',
      version: 'v',
    });
  });

  it('leave out stacks of the runtime and name the reference that the Worker was given', () => {
    const message =
      'e = a.rs:1: failed: TLS handshake failed\nstack: /bin/workerd@1 /bin/workerd@2; x = y; wdErrId = abc123';
    expect(relayed(JSON.stringify({ level: 'error', message }))).toMatchObject({
      message: 'e = a.rs:1: failed: TLS handshake failed',
      reference: 'abc123',
    });
  });

  it.each([
    ['{"level":"error","message":"kaboom"}', 'error', 'kaboom'],
    ['{"level":"warn","message":"[1,2]"}', 'warning', '[1,2]'],
    ['plain text', 'info', 'plain text'],
    ['{"event":1}', 'info', '{"event":1}'],
  ])('carry %s', (line, level, message) => {
    expect(relayed(line)).toEqual({ level, process: 'edge-1', event: 'runtime', message });
  });
});

describe('Unix sockets', () => {
  it('refuse a path that the system would cut', () => {
    expect(() => assertSocketPath(`/${'x'.repeat(102)}`)).not.toThrow();
    expect(() => assertSocketPath(`/${'x'.repeat(103)}`)).toThrow('too long for a Unix socket (104 bytes');
  });

  it('give up on a peer that does not answer', async () => {
    const file = path.join(folder, 'b.sock');
    const silent = net.createServer(() => undefined);
    await listenOnSocket(silent, file, '');
    await expect(askSocket(file, { method: 'GET', path: '/' }, 50)).rejects.toThrow();
    silent.close();
  });
});

describe('the state folder', () => {
  it('belongs to one node at a time', async () => {
    const claimed = await claimNodeFolder(folder);
    await expect(claimNodeFolder(folder)).rejects.toThrow(`another node serves ${folder}`);
    await claimed.release();
    const again = await claimNodeFolder(folder);
    expect(fs.statSync(again.run).mode & 0o777).toBe(0o700);
    await again.release();
  });

  it('must be a folder', async () => {
    fs.writeFileSync(path.join(folder, 'file'), '');
    await expect(claimNodeFolder(path.join(folder, 'file'))).rejects.toThrow('cannot use');
  });
});

describe('the admin server', () => {
  it('answers its four requests and nothing else', async () => {
    const file = path.join(folder, 'admin.sock');
    let reason: string | null = 'starting';
    let reloads = 0;
    const admin = await startAdminServer(
      { kind: 'unix', path: file },
      {
        readiness: () => reason,
        status: async () => ({ version: 'v' }),
        reload: async () => {
          reloads += 1;
          if (reloads > 1) throw new Error('cannot');
          return { version: 'v' };
        },
      },
    );
    const ask = async (method: 'GET' | 'POST', target: string): Promise<[number, unknown]> => {
      const { status, body } = await askSocket(file, { method, path: target }, 1000);
      return [status, JSON.parse(body)];
    };
    expect(await ask('GET', '/healthz')).toEqual([200, { status: 'ok' }]);
    expect(await ask('GET', '/readyz')).toEqual([503, { reason: 'starting' }]);
    reason = null;
    expect(await ask('GET', '/readyz?verbose')).toEqual([200, { status: 'ready' }]);
    expect(await ask('GET', '/status')).toEqual([200, { version: 'v' }]);
    expect(await ask('POST', '/reload')).toEqual([200, { version: 'v' }]);
    expect(await ask('POST', '/reload')).toEqual([503, { error: 'cannot' }]);
    expect((await ask('GET', '/reload'))[0]).toBe(404);
    expect((await ask('POST', '/healthz'))[0]).toBe(404);
    await admin.close();
  });

  it('says which address is taken', async () => {
    const other = http.createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as net.AddressInfo;
    const handlers = { readiness: () => null, status: async () => ({}), reload: async () => ({}) };
    await expect(startAdminServer({ kind: 'tcp', host: '127.0.0.1', port }, handlers)).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port} for --admin`,
    );
    other.close();
  });
});

describe('options', () => {
  it.each([
    [undefined, null],
    ['unix:run/a.sock', { kind: 'unix', path: '/base/run/a.sock' }],
    ['127.0.0.1:9000', { kind: 'tcp', host: '127.0.0.1', port: 9000 }],
    ['[::1]:9000', { kind: 'tcp', host: '::1', port: 9000 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
  ])('--admin %s', (text, expected) => {
    expect(parseAdmin(text, '/base')).toEqual(expected);
  });

  it.each(['', 'unix:', '9000', 'host:', 'host:99999', '::1:80', 'http://h:1'])('refuses --admin %s', (text) => {
    expect(() => parseAdmin(text, '/base')).toThrow('--admin must be');
  });

  it('bounds numbers', () => {
    expect(parseProcesses('3')).toBe(3);
    expect(parseProcesses(undefined)).toBe(os.availableParallelism());
    expect(parseDrain('2')).toBe(2000);
    expect(parseDrain(undefined)).toBe(30_000);
    for (const text of ['0', '-1', '1.5', 'x', '257']) expect(() => parseProcesses(text)).toThrow('--processes');
    expect(() => parseDrain('3601')).toThrow('--drain-seconds');
  });
});
