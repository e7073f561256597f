/**
 * F3: a backend takes connections and never answers: a process that hangs, and one that is stopped so
 * that only the kernel accepts. Every request gets 504 from the gateway's own clock, what was under
 * way is let go, and other backends do not notice.
 */
import { startBackend, type BackendProcess } from './backend-process.ts';
import { buildRoutes } from './programs.ts';
import { ask, askMany, label, type Outcome } from './raw-client.ts';
import { countBy, Expectations, percentile, Stage, until, type FaultOptions, type Figures } from './scenario.ts';
import { startStand } from './stand.ts';

const TIMEOUT_MS = 500;

export function run({ scale }: FaultOptions): Promise<Figures> {
  const requests = scale === 'full' ? 1_000 : 200;
  const parallel = scale === 'full' ? 200 : 100;
  return Stage.run(async (stage) => {
    const hole = stage.add(await startBackend('hole'));
    const frozen = stage.add(await startBackend('frozen'));
    const living = stage.add(await startBackend('living'));
    const built = await buildRoutes([
      { prefix: '/hole/', backend: hole.address, timeoutMs: TIMEOUT_MS },
      { prefix: '/frozen/', backend: frozen.address, timeoutMs: TIMEOUT_MS },
      { prefix: '/living/', backend: living.address },
    ]);
    const { port } = (await startStand(stage, built)).gateway;
    const held = new Expectations();
    held.equal(label(await ask({ port, path: '/hole/x' })), '200', 'control: the same backend, when it answers');
    held.equal(label(await ask({ port, path: '/frozen/x' })), '200', 'control: the other one before it is stopped');

    frozen.freeze();
    const others = askMany(requests, 4, () => ({ port, path: '/living/x' }));
    const uploads = { method: 'POST', body: 'x'.repeat(1000) };
    const silent = await askMany(requests, parallel, (index) => ({
      port,
      path: index % 2 === 0 ? '/hole/hang' : '/frozen/x',
      ...(index % 4 < 2 && uploads),
    }));
    held.equal(countBy(silent.map(label)), { 504: requests }, 'requests to the black holes');
    held.expect(
      silent.every(({ body }) => body.toString().includes('"upstream-timeout"')),
      'every 504 says upstream-timeout',
    );
    held.equal(countBy((await others).map(label)), { 200: requests }, 'requests to another backend meanwhile');
    // A little while for the last connections to be closed.
    const isFree = await until(async () => (await openAt(hole)).waiting === 0, 5_000);
    held.expect(isFree, 'the black hole holds no request any more');
    const left = await openAt(hole);
    const over = (outcomes: readonly Outcome[]): number[] => outcomes.map(({ ms }) => ms - TIMEOUT_MS);
    return held.figures('F3', {
      requests,
      parallel,
      timeoutMs: TIMEOUT_MS,
      overrunP50Ms: percentile(over(silent), 0.5),
      overrunP99Ms: percentile(over(silent), 0.99),
      openAfterwards: left.connections,
    });
  });
}

/** Asked past the gateway. */
async function openAt(backend: BackendProcess): Promise<{ readonly connections: number; readonly waiting: number }> {
  const { body } = await ask({ port: backend.port, path: '/connections' });
  return JSON.parse(body.toString()) as { connections: number; waiting: number };
}
