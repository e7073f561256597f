import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answers, listenOnSocket } from '../../src/sockets/unix-socket.ts';

let folder: string;
const servers: net.Server[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

function listen(name: string): Promise<void> {
  const server = net.createServer();
  servers.push(server);
  return listenOnSocket(server, path.join(folder, name), 'somebody answers');
}

/** The file that a process leaves behind when it is killed. */
async function leftOver(name: string): Promise<void> {
  const file = path.join(folder, name);
  const server = net.createServer();
  await new Promise<void>((resolve) => void server.listen(`${file}.old`, resolve));
  fs.renameSync(`${file}.old`, file);
  await new Promise((resolve) => server.close(resolve));
}

describe('listening on a Unix socket', () => {
  it('is for this user alone', async () => {
    await listen('a.sock');
    expect(await answers(path.join(folder, 'a.sock'))).toBe(true);
    expect(fs.statSync(path.join(folder, 'a.sock')).mode & 0o777).toBe(0o600);
  });

  it('takes the place of a socket that nobody answers on, and of no other', async () => {
    await leftOver('a.sock');
    await listen('a.sock');
    expect(await answers(path.join(folder, 'a.sock'))).toBe(true);
    await expect(listen('a.sock')).rejects.toThrow('somebody answers');
  });

  it('never takes a file away that is no socket', async () => {
    const file = path.join(folder, 'notes.txt');
    fs.writeFileSync(file, 'precious');
    await expect(listen('notes.txt')).rejects.toThrow(`${file} exists and is not a socket`);
    expect(fs.readFileSync(file, 'utf8')).toBe('precious');
  });

  it('says that a folder, or a path that is too long, is no place', async () => {
    fs.mkdirSync(path.join(folder, 'sub'));
    await expect(listen('sub')).rejects.toThrow('is not a socket');
    await expect(listen('x'.repeat(120))).rejects.toThrow('too long for a Unix socket');
  });
});
