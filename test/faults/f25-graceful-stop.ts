/**
 * F25: `portolan serve` gets SIGTERM under load. What was under way is answered, nothing new is taken,
 * and everything it started is gone afterwards.
 */
import * as fs from 'node:fs';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { startBackend } from './backend-process.ts';
import { buildRoutes, publish } from './programs.ts';
import { ask, label, type Outcome } from './raw-client.ts';
import { countBy, Expectations, sleep, Stage, until, type FaultOptions, type Figures } from './scenario.ts';
import { startServeGateway } from './serve-gateway.ts';

const LONG_REQUESTS = 40;
const CLIENTS = 8;

export function run({ scale }: FaultOptions): Promise<Figures> {
  const longMs = scale === 'full' ? 5_000 : 1_500;
  return Stage.run(async (stage) => {
    const backend = stage.add(await startBackend('f25'));
    const built = await buildRoutes([{ prefix: '/x/', backend: backend.address, timeoutMs: 20_000 }]);
    const state = stage.folder();
    await publish(await openStateFolder(state), built);
    const gateway = stage.add(await startServeGateway({ state, processes: 2 }));
    const { port } = gateway;
    const held = new Expectations();
    const pids = await gateway.edgePids();

    const short: { readonly startedAt: number; readonly outcome: Outcome }[] = [];
    const stop = { at: Infinity, isOver: false };
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!stop.isOver) {
        const startedAt = performance.now();
        short.push({ startedAt, outcome: await ask({ port, path: '/x/delay/50' }) });
        // A port that is closed refuses at once.
        if (startedAt > stop.at) await sleep(50);
      }
    });
    const long = Array.from({ length: LONG_REQUESTS }, () => ask({ port, path: `/x/delay/${longMs}` }));
    const areTaken = await until(async () => {
      const { body } = await ask({ port: backend.port, path: '/connections' });
      return (JSON.parse(body.toString()) as { waiting: number }).waiting >= LONG_REQUESTS;
    }, 10_000);
    held.expect(areTaken, 'the long requests are under way');
    await until(() => short.length >= CLIENTS * 5, 10_000);

    stop.at = performance.now();
    gateway.signal('SIGTERM');
    const code = await gateway.exited;
    const drainMs = performance.now() - stop.at;
    stop.isOver = true;
    await Promise.all(clients);
    held.equal(countBy((await Promise.all(long)).map(label)), { 200: LONG_REQUESTS }, 'long requests under way');
    held.equal(code, 0, 'exit code');
    const isGone = await until(() => pids.every((pid) => !fs.existsSync(`/proc/${pid}`)), 2_000);
    held.expect(isGone, 'no process is left');
    // A request that crosses the signal on its way cannot be told from one that came too late.
    const before = short.filter(({ outcome, startedAt }) => startedAt + outcome.ms < stop.at);
    const crossing = short.filter(({ outcome, startedAt }) => startedAt < stop.at && startedAt + outcome.ms >= stop.at);
    const after = short.filter(({ startedAt }) => startedAt >= stop.at);
    held.expect(before.length > 0, 'control: there were requests before the signal');
    held.equal(
      countBy(before.map(({ outcome }) => label(outcome))),
      { 200: before.length },
      'control: before the signal',
    );
    held.equal(
      countBy(crossing.map(({ outcome }) => label(outcome))),
      { 200: crossing.length },
      'short requests under way at the signal',
    );
    return held.figures('F25', {
      longRequests: LONG_REQUESTS,
      longMs,
      drainMs: Math.round(drainMs),
      crossing: crossing.length,
      afterwards: countBy(after.map(({ outcome }) => label(outcome))),
    });
  });
}
