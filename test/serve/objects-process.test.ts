/** The process of the counters under its keeper: how it is stopped, and how it comes back. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LimitCheck, Verdict } from '../../src/limits/limiter.ts';
import { DEFAULT_OBJECTS } from '../../src/objects/limit-objects.ts';
import { askCounters } from '../../src/sockets/counters-client.ts';
import { ObjectsProcess } from '../../src/serve/objects-process.ts';
import { ProcessTable } from '../../src/serve/process-table.ts';
import { objectsConfig, OBJECTS_SOCKET, WORKER_FILE } from '../../src/serve/runtime-config.ts';
import { askSocket } from '../../src/sockets/unix-socket.ts';
import { bundleLimitProbe } from './bundle-limit-probe.ts';
import { EdgeStand, type Edge } from './edge-stand.ts';

const RATE = 1_000_000;

type Line = { readonly event: string; readonly message?: unknown; readonly restartInMs?: unknown };

let stand: EdgeStand;
let edge: Edge;
let objects: ObjectsProcess;
let lines: Line[];

function newProcess(): ObjectsProcess {
  lines = [];
  return new ObjectsProcess({
    configFile: path.join(stand.folder, 'objects.capnp'),
    runFolder: stand.folder,
    table: new ProcessTable(stand.folder),
    log: (_, event, fields) => void lines.push({ event, ...fields }),
  });
}

beforeAll(async () => {
  stand = await EdgeStand.create();
  fs.writeFileSync(path.join(stand.folder, WORKER_FILE), await bundleLimitProbe());
  // Several, so that none can be forgotten.
  const config = objectsConfig(path.join(stand.folder, 'objects'), DEFAULT_OBJECTS);
  fs.writeFileSync(path.join(stand.folder, 'objects.capnp'), config);
  fs.mkdirSync(path.join(stand.folder, 'kv'));
  objects = newProcess();
  await objects.start();
  edge = await stand.startEdge([]);
});
afterAll(async () => {
  await objects.stop();
  await stand.close();
});

function check(key: string): LimitCheck {
  // No window ends in the test.
  const limit = { algorithm: 'fixed-window', rate: RATE, periodMs: 36_500 * 86_400_000 } as const;
  return { key, limit, cost: 1, onFailure: 'closed', budgetMs: 10_000, mode: 'exact' };
}

/** One request after the other, on each of the counters in turn. */
async function take(count: number, keys: readonly string[]): Promise<void> {
  for (let request = 0; request < count; request += 1) {
    const body = JSON.stringify([check(keys[request % keys.length] ?? '')]);
    const answer = await fetch(edge.url, { method: 'POST', body });
    expect((await answer.json()) as readonly Verdict[]).toMatchObject([{ allowed: true }]);
  }
}

async function counted(keys: readonly string[]): Promise<number> {
  const [answer] = await askCounters(path.join(stand.folder, OBJECTS_SOCKET), [{ kind: 'show', keys }]);
  let sum = 0;
  for (const shown of answer?.outcomes ?? []) {
    if (shown !== null && 'figures' in shown) sum += RATE - shown.figures.remaining;
  }
  return sum;
}

async function killed(): Promise<void> {
  const { pid, restarts } = objects.status();
  if (pid === null) throw new Error('there is no process');
  process.kill(pid, 'SIGKILL');
  for (;;) {
    const now = objects.status();
    if (now.restarts > restarts && now.state === 'ready') return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The files of the objects while no process has them open. */
function sqliteFiles(): readonly string[] {
  const folder = path.join(stand.folder, 'objects');
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /[0-9a-f]{64}\.sqlite$/.test(name)).map((name) => path.join(folder, name));
}

function inEach(files: readonly string[], statement: string): void {
  for (const file of files) {
    const database = new DatabaseSync(file);
    database.exec(statement);
    database.close();
  }
}

function refuseRows(files: readonly string[]): void {
  const refusal = "BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END";
  inEach(files, `CREATE TRIGGER refuse BEFORE INSERT ON counters ${refusal}`);
}

function acceptRows(files: readonly string[]): void {
  inEach(files, 'DROP TRIGGER refuse');
}

const subjects = (name: string) => Array.from({ length: 40 }, (_, at) => `${name}|${name}-${at}`);

describe('ObjectsProcess', () => {
  it('loses no count when it is stopped, in whatever object', async () => {
    const keys = subjects('stop');
    await take(200, keys);
    // An open connection would give the process the time that it is not to need.
    edge.process.kill();
    await objects.stop();
    expect(lines.map(({ event }) => event)).toEqual(['process-ready']);
    objects = newProcess();
    await objects.start();
    expect(await counted(keys)).toBe(200);
    edge = await stand.startEdge([]);
  });

  it('loses none of what is decided while it is being stopped', async () => {
    const [before, after] = [subjects('before'), subjects('after')];
    await take(100, before);
    const flushed = await askSocket(
      path.join(stand.folder, OBJECTS_SOCKET),
      { method: 'POST', path: '/flush' },
      10_000,
    );
    expect(flushed.status).toBe(204);
    // Of objects that were flushed, and of some more often than they would be written.
    await take(100, [...after, ...before.slice(0, 1)]);
    await killed();
    expect(await counted([...before, ...after])).toBe(200);
  });

  it('says what the disk refused when it is stopped, and ends all the same', async () => {
    const keys = subjects('refused');
    await take(40, keys);
    edge.process.kill();
    await objects.stop();
    const files = sqliteFiles();
    refuseRows(files);
    objects = newProcess();
    await objects.start();
    edge = await stand.startEdge([]);
    await take(40, keys);
    edge.process.kill();
    const { pid } = objects.status();
    lines.length = 0;
    await objects.stop();
    expect(lines.filter(({ event }) => event === 'counters-not-written')).toEqual([
      {
        event: 'counters-not-written',
        message: expect.stringMatching(/^\d+ objects could not write: limits-16-\d+: Error: disk I\/O error/),
      },
    ]);
    expect(() => process.kill(pid ?? 0, 0)).toThrow('ESRCH');
    acceptRows(files);
    objects = newProcess();
    await objects.start();
    expect(await counted(keys)).toBe(40);
    edge = await stand.startEdge([]);
  });

  it('is back after every kill within 250 ms of back-off, with what was written', async () => {
    const keys = subjects('kill');
    await take(40, keys);
    await new Promise((resolve) => setTimeout(resolve, 500));
    lines.length = 0;
    for (let kill = 0; kill < 5; kill += 1) await killed();
    const delays = lines.filter(({ event }) => event === 'process-ended').map(({ restartInMs }) => restartInMs);
    expect(delays).toHaveLength(5);
    for (const delay of delays) expect(delay).toBeLessThanOrEqual(250);
    expect(await counted(keys)).toBe(40);
  });
});
