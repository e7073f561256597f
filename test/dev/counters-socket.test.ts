/** The development server's private socket, without the server. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCountersSocket, type CountersSocket, type Decide } from '../../src/dev/counters-socket.ts';
import { countersSocketOf } from '../../src/dev/state-folder.ts';
import { askCounters } from '../../src/sockets/counters-client.ts';
import { askSocket } from '../../src/sockets/unix-socket.ts';

const CALLS = [{ kind: 'show', keys: ['l|ü'] }] as const;
const ANSWERS = [{ outcomes: [null], atMs: 1, order: 1 }];

let state: string;
let asked: string[];
const open: CountersSocket[] = [];

beforeEach(() => {
  state = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-')), 'state');
  asked = [];
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((socket) => socket.close()));
  fs.rmSync(path.dirname(state), { recursive: true, force: true });
});

const answering: Decide = (calls) => {
  asked.push(calls);
  return Promise.resolve({ status: 200, body: JSON.stringify(ANSWERS) });
};

async function start(decide = answering): Promise<CountersSocket> {
  const socket = await startCountersSocket(state, decide);
  open.push(socket);
  return socket;
}

const mode = (file: string): number => fs.statSync(file).mode & 0o777;

describe('the socket for counters', () => {
  it('hands calls on and gives the answers', async () => {
    await start();
    expect(await askCounters(countersSocketOf(state), CALLS)).toEqual(ANSWERS);
    expect(asked).toEqual([JSON.stringify(CALLS)]);
  });

  it('is for this user alone', async () => {
    fs.mkdirSync(path.join(state, 'run'), { recursive: true, mode: 0o755 });
    await start();
    expect([mode(countersSocketOf(state)), mode(path.join(state, 'run'))]).toEqual([0o600, 0o700]);
  });

  it.each([
    ['GET', '/decide'],
    ['POST', '/flush'],
    ['POST', '/reload'],
    ['POST', '/decide/'],
  ] as const)('knows no %s %s', async (method, target) => {
    await start();
    const answer = await askSocket(countersSocketOf(state), { method, path: target }, 5_000);
    expect([answer, asked]).toEqual([{ status: 404, body: '' }, []]);
  });

  it('says when the Worker cannot be asked', async () => {
    await start(() => Promise.reject(new Error('disposed')));
    const request = { method: 'POST', path: '/decide', body: '[]' } as const;
    expect(await askSocket(countersSocketOf(state), request, 5_000)).toEqual({
      status: 502,
      body: 'Error: disposed\n',
    });
    await expect(askCounters(countersSocketOf(state), CALLS)).rejects.toThrow('answered 502');
  });

  it('belongs to one server at a time, and to the next one afterwards', async () => {
    const first = await start();
    await expect(start()).rejects.toThrow(`another development server uses ${state}`);
    await first.close();
    expect(fs.existsSync(countersSocketOf(state))).toBe(false);
    await start();
    expect(await askCounters(countersSocketOf(state), CALLS)).toEqual(ANSWERS);
  });
});
