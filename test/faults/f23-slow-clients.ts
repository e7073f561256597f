/**
 * F23: clients that send their head or body a byte a second, that read nothing, that only connect.
 * Requests of others go on without an error; what takes longer than its route allows is cut; and once
 * they are gone the gateway holds nothing of theirs.
 */
import { startBackend } from './backend-process.ts';
import { openFiles, residentKb } from './process-facts.ts';
import { buildRoutes } from './programs.ts';
import { ask, askMany, label, timesOf, type Outcome } from './raw-client.ts';
import { countBy, Expectations, percentile, sleep, Stage, until, type FaultOptions, type Figures } from './scenario.ts';
import { startStand } from './stand.ts';
import { openSlowClients, type SlowClients } from './slow-clients.ts';

const TIMEOUT_MS = 3_000;
/** Beyond what sockets and pipes on the way can hold, so that the answer cannot be done without its reader. */
const LARGE = 20_000_000;

export function run({ scale }: FaultOptions): Promise<Figures> {
  const isFull = scale === 'full';
  const counts = isFull
    ? { heads: 200, bodies: 100, readers: 50, idle: 2_000 }
    : { heads: 20, bodies: 20, readers: 10, idle: 200 };
  // workerd itself cuts a head after 15 seconds; the short run does not wait for it.
  const windowMs = isFull ? 25_000 : TIMEOUT_MS + 2_000;
  return Stage.run(async (stage) => {
    const backend = stage.add(await startBackend('f23'));
    const built = await buildRoutes([
      { prefix: '/timed/', backend: backend.address, timeoutMs: TIMEOUT_MS },
      { prefix: '/silent/', backend: backend.address, timeoutMs: 60_000, idleTimeoutMs: TIMEOUT_MS },
      { prefix: '/fine/', backend: backend.address },
    ]);
    const { port, pid } = (await startStand(stage, built)).gateway;
    const held = new Expectations();
    const load = (count: number): Promise<readonly Outcome[]> => askMany(count, 8, () => ({ port, path: '/fine/x' }));
    const control = await load(2_000);
    held.equal(countBy(control.map(label)), { 200: control.length }, 'control: requests without slow clients');
    const before = { files: openFiles(pid), kb: residentKb(pid) };

    const open = async (options: Omit<Parameters<typeof openSlowClients>[0], 'port'>): Promise<SlowClients> =>
      stage.add(await openSlowClients({ port, ...options }));
    const idle = await open({ count: counts.idle, first: '' });
    await load(8);
    const idleKb = residentKb(pid);
    const heads = await open({
      count: counts.heads,
      first: 'GET /fine/x HTTP/1.1\r\nhost: a.test\r\nx: ',
      everySecond: 'y',
    });
    const upload = 'POST /timed/upload HTTP/1.1\r\nhost: a.test\r\ncontent-length: 1000\r\n\r\n';
    const bodies = await open({ count: counts.bodies, first: upload, everySecond: 'z' });
    const download = `/large/${LARGE} HTTP/1.1\r\nhost: a.test\r\n\r\n`;
    const half = counts.readers / 2;
    const timed = await open({ count: half, first: `GET /timed${download}`, readsNothing: true });
    const silent = await open({ count: half, first: `GET /silent${download}`, readsNothing: true });

    const during: Outcome[] = [];
    const end = performance.now() + windowMs;
    let peakKb = 0;
    while (performance.now() < end) {
      during.push(...(await load(200)));
      peakKb = Math.max(peakKb, residentKb(pid));
      await sleep(50);
    }
    held.equal(countBy(during.map(label)), { 200: during.length }, 'requests of others meanwhile');
    held.equal(bodies.cutAfterMs.length, bodies.opened, 'slow bodies that were cut');
    held.equal(
      countBy(bodies.statusLines.map((line) => line.slice(9, 12))),
      { 504: bodies.opened },
      'what slow bodies were told',
    );
    held.equal(
      heads.refused + bodies.refused + timed.refused + silent.refused + idle.refused,
      0,
      'connections that were refused',
    );
    // The reader's connection ends unseen while it does not read; the backend sees that it was let go.
    const { waiting } = JSON.parse((await ask({ port: backend.port, path: '/connections' })).body.toString()) as {
      waiting: number;
    };
    held.equal(waiting, 0, 'answers that the backend still holds for readers that read nothing');
    if (isFull) held.equal(heads.cutAfterMs.length, heads.opened, 'slow heads that were cut');

    const filesHeld = openFiles(pid) - before.files;
    for (const clients of [idle, heads, bodies, timed, silent]) clients.close();
    const isFreed = await until(() => !(openFiles(pid) > before.files + 32), 10_000);
    held.expect(isFreed, 'the gateway holds no connection of clients that are gone');
    held.equal(countBy((await load(200)).map(label)), { 200: 200 }, 'requests afterwards');
    return held.figures('F23', {
      ...counts,
      requests: during.length,
      p99Ms: percentile(timesOf(during), 0.99),
      controlP99Ms: percentile(timesOf(control), 0.99),
      kbPerIdleConnection: Math.round(((idleKb - before.kb) / counts.idle) * 10) / 10,
      peakRssMb: Math.round(peakKb / 1024),
      rssBeforeMb: Math.round(before.kb / 1024),
      headCutMs: heads.cutAfterMs.length === 0 ? null : percentile(heads.cutAfterMs, 0.5),
      bodyCutMs: percentile(bodies.cutAfterMs, 0.5),
      idleCut: idle.cutAfterMs.length,
      idleCutMs: idle.cutAfterMs.length === 0 ? null : percentile(idle.cutAfterMs, 0.5),
      filesHeldAfterWindow: filesHeld,
      windowMs,
    });
  });
}
