import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LimitCall } from '../../src/limits/calls.ts';
import { askCounters } from '../../src/sockets/counters-client.ts';

let folder: string;
let server: http.Server;
let answer: { status: number; body: string };
let asked: string[];

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
  asked = [];
  server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${body}`);
      response.writeHead(answer.status).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => void server.listen(path.join(folder, 's.sock'), resolve));
});
afterEach(() => {
  server.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

const CALLS: readonly LimitCall[] = [{ kind: 'show', keys: ['a|b'] }];
const ask = () => askCounters(path.join(folder, 's.sock'), CALLS);

describe('askCounters', () => {
  it('sends the calls and gives the answers', async () => {
    const answers = [{ outcomes: [null], atMs: 1, order: 1 }];
    answer = { status: 200, body: JSON.stringify(answers) };
    expect(await ask()).toEqual(answers);
    expect(asked).toEqual([`POST /decide ${JSON.stringify(CALLS)}`]);
  });

  it.each([
    [404, ''],
    [200, 'no JSON'],
    [200, '{}'],
    [200, '[]'],
    [200, '[null]'],
    [200, '[{"atMs":1}]'],
  ])('rejects %i %s', async (status, body) => {
    answer = { status, body };
    await expect(ask()).rejects.toThrow();
  });

  it('rejects when nobody is there', async () => {
    await expect(askCounters(path.join(folder, 'absent.sock'), CALLS)).rejects.toThrow('ENOENT');
  });
});
