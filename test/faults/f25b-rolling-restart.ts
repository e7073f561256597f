/**
 * F25B: `portolan serve` exchanges all its processes (SIGHUP) again and again under load, on connections
 * that are kept and on new ones. No request is lost.
 */
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { startBackend } from './backend-process.ts';
import { buildRoutes, publish } from './programs.ts';
import { ask, label, requestText } from './raw-client.ts';
import { countBy, Expectations, percentile, sleep, Stage, until, type FaultOptions, type Figures } from './scenario.ts';
import { startServeGateway } from './serve-gateway.ts';
import { underLoad } from './steady-load.ts';

const PROCESSES = 2;
/** Between two restarts, so that clients have filled their connections again. */
const PAUSE_MS = 300;

export function run({ scale }: FaultOptions): Promise<Figures> {
  const isFull = scale === 'full';
  const restarts = isFull ? 10 : 2;
  return Stage.run(async (stage) => {
    const backend = stage.add(await startBackend('f25b'));
    const built = await buildRoutes([{ prefix: '/x/', backend: backend.address }]);
    const state = stage.folder();
    await publish(await openStateFolder(state), built);
    const gateway = stage.add(await startServeGateway({ state, processes: PROCESSES }));
    const target = { port: gateway.port, path: '/x/' };
    const held = new Expectations();
    const restartMs: number[] = [];
    const restart = async (): Promise<void> => {
      await sleep(PAUSE_MS);
      const before = await gateway.edgePids();
      const began = performance.now();
      gateway.signal('SIGHUP');
      const isDone = await until(async () => {
        const now = await gateway.edgePids();
        return now.length === PROCESSES && now.every((pid) => !before.includes(pid));
      }, 30_000);
      held.expect(isDone, 'every process was exchanged');
      restartMs.push(performance.now() - began);
    };
    const load = await underLoad(
      {
        port: gateway.port,
        enough: isFull ? 20_000 : 2_000,
        request: () => requestText(target),
        check: async () => {
          const found = label(await ask(target));
          return found === '200' ? null : found;
        },
      },
      async () => {
        for (let count = 0; count < restarts; count += 1) await restart();
      },
    );
    held.equal(countBy(load.failures), {}, 'failed requests');
    return held.figures('F25B', {
      restarts,
      requests: load.requests + load.checked,
      failed: load.failures.length,
      restartP50Ms: percentile(restartMs, 0.5),
    });
  });
}
