import { createHash } from 'node:crypto';
import * as http from 'node:http';
import * as net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deterministicBytes, startEcho, type EchoServer } from '../../src/dev/echo-server.ts';

let echo: EchoServer;
beforeAll(async () => {
  echo = await startEcho({ name: 'shop', port: 0 });
});
afterAll(() => echo.close());

/** Sends bytes as they are and reads until the server closes. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(echo.port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describe('echo backend', () => {
  it('answers with the target and the headers as they were on the wire', async () => {
    const answer = await raw(
      'GET /a//b/%2e?x=%zz&x=2 HTTP/1.1\r\nHost: a.example\r\nX-One: 1\r\nx-oNE: 2\r\nConnection: close\r\n\r\n',
    );
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual({
      service: 'shop',
      method: 'GET',
      url: '/a//b/%2e?x=%zz&x=2',
      httpVersion: '1.1',
      headers: [
        ['Host', 'a.example'],
        ['X-One', '1'],
        ['x-oNE', '2'],
        ['Connection', 'close'],
      ],
      bodySha256: createHash('sha256').update('').digest('hex'),
      bodyBytes: 0,
    });
  });

  it('hashes a large body without keeping it', async () => {
    const body = Buffer.concat([...deterministicBytes(5_000_000)]);
    const answer = await fetch(`${echo.url}/`, { method: 'PUT', body });
    expect(await answer.json()).toMatchObject({
      method: 'PUT',
      bodyBytes: 5_000_000,
      bodySha256: createHash('sha256').update(body).digest('hex'),
    });
  });

  it('shapes the answer by status, delay and size', async () => {
    expect((await fetch(`${echo.url}/?status=404`)).status).toBe(404);
    const empty = await fetch(`${echo.url}/?status=204`);
    expect([empty.status, await empty.text()]).toEqual([204, '']);
    const started = performance.now();
    await (await fetch(`${echo.url}/?delay_ms=120`)).text();
    expect(performance.now() - started).toBeGreaterThanOrEqual(115);
    const bytes = Buffer.from(await (await fetch(`${echo.url}/?bytes=70000&status=206`)).arrayBuffer());
    expect(bytes.length).toBe(70_000);
    expect([bytes[0], bytes[251], bytes[64_256], bytes[69_999]]).toEqual([0, 0, 0, 69_999 % 251]);
  });

  it.each([
    'status=99',
    'status=600',
    'status=abc',
    'delay_ms=-1',
    'delay_ms=1.5',
    'bytes=1e9',
    'bytes=99999999999',
    'bytes=',
  ])('answers 400 to ?%s', async (query) => {
    const answer = await fetch(`${echo.url}/?${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: expect.stringContaining(query.split('=')[0] ?? '') });
  });

  it('says only the headers to HEAD', async () => {
    const answer = await raw('HEAD /?bytes=10 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/content-length: 10\r\n/);
    expect(answer.endsWith('\r\n\r\n')).toBe(true);
  });

  it('keeps connections open longer than the gateway pools them', async () => {
    const answer = await fetch(echo.url);
    await answer.text();
    expect(Number(/timeout=(\d+)/.exec(answer.headers.get('keep-alive') ?? '')?.[1])).toBeGreaterThanOrEqual(65);
  });

  it('survives clients that leave in the middle of a body, a delay or an answer', async () => {
    for (const path of ['/', '/?delay_ms=5000', '/?bytes=50000000']) {
      await new Promise<void>((resolve) => {
        const request = http.request(`${echo.url}${path}`, { method: 'POST', headers: { 'content-length': '100' } });
        request.on('error', () => resolve());
        request.on('response', (response) =>
          response.on('error', () => undefined).once('data', () => request.destroy()),
        );
        request.write(path === '/' ? 'half' : 'x'.repeat(100));
        setTimeout(() => request.destroy(), 80);
        request.on('close', () => resolve());
      });
    }
    expect((await fetch(`${echo.url}/after`)).status).toBe(200);
  });

  it('answers other upgrades as plain requests', async () => {
    const answer = await raw('GET /h2c HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('names the port in one line when it is taken', async () => {
    await expect(startEcho({ name: 'second', port: echo.port })).rejects.toThrow(
      `Port ${echo.port} on 127.0.0.1 is in use; choose another with --port.`,
    );
  });

  it('ends open connections when it closes', async () => {
    const other = await startEcho({ name: 'other', port: 0 });
    const socket = new WebSocket(other.url.replace('http', 'ws'));
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    const closed = new Promise((resolve) => socket.addEventListener('close', resolve));
    await Promise.all([other.close(), closed]);
    await expect(fetch(other.url)).rejects.toThrow();
  });
});
