/**
 * F1: a backend is killed before its response headers. Requests it had taken get 503 at once; with one
 * of three weighted backends gone, only that backend's share fails, and nothing hangs.
 */
import { startBackend, type BackendProcess } from './backend-process.ts';
import { buildRoutes } from './programs.ts';
import { ask, askMany, label, type Outcome } from './raw-client.ts';
import { countBy, Expectations, percentile, Stage, until, type FaultOptions, type Figures } from './scenario.ts';
import { startStand } from './stand.ts';

const TAKEN = 20;
/** Six standard deviations of a third of the requests: chance never fails this. */
const DEVIATIONS = 6;

export function run({ scale }: FaultOptions): Promise<Figures> {
  const requests = scale === 'full' ? 3_000 : 600;
  return Stage.run(async (stage) => {
    const names = ['first', 'second', 'third'];
    const backends: BackendProcess[] = [];
    for (const name of names) backends.push(stage.add(await startBackend(name)));
    const lone = stage.add(await startBackend('lone'));
    const built = await buildRoutes([
      ...backends.map(({ address }, at) => ({ prefix: '/shared/', backend: address, weight: at === 0 ? 34 : 33 })),
      { prefix: '/lone/', backend: lone.address },
    ]);
    const { port } = (await startStand(stage, built)).gateway;
    const held = new Expectations();
    const load = (): Promise<readonly Outcome[]> => askMany(requests, 8, () => ({ port, path: '/shared/x' }));

    const control = await load();
    held.equal(countBy(control.map(label)), { 200: requests }, 'control: three living backends');
    held.equal(Object.keys(countBy(control.map(bodyOf))).toSorted(), names, 'control: who answers');

    await backends[2]?.kill();
    const during = await load();
    const statuses = countBy(during.map(label));
    held.equal(Object.keys(statuses).toSorted(), ['200', '503'], 'with one of three killed');
    const errors = statuses['503'] ?? 0;
    const expected = requests * 0.33;
    held.expect(
      Math.abs(errors - expected) < DEVIATIONS * Math.sqrt(requests * 0.33 * 0.67),
      `${errors} errors are the killed backend's share of ${requests}`,
    );
    held.expect(areUnreachable(during.filter(({ status }) => status === 503)), 'every 503 says upstream-unreachable');

    // The lone backend has taken these and is killed while they wait.
    const taken = askMany(TAKEN, TAKEN, () => ({ port, path: '/lone/hang' }));
    await until(async () => (await waitingAt(lone)) >= TAKEN, 5_000);
    const killedAt = performance.now();
    const asked = killedAt;
    await lone.kill();
    const cut = await taken;
    const cutMs = performance.now() - asked;
    held.equal(countBy(cut.map(label)), { 503: TAKEN }, 'requests that the backend had taken');
    held.expect(areUnreachable(cut), 'each of them says upstream-unreachable');

    // The same address works again without anything being done to the gateway.
    stage.add(await startBackend('lone', lone.port));
    const back = await askMany(20, 4, () => ({ port, path: '/lone/x' }));
    held.equal(countBy(back.map(label)), { 200: 20 }, 'after the backend is back');
    return held.figures('F1', {
      requests,
      errors,
      errorShare: Math.round((errors / requests) * 1000) / 1000,
      refusedP99Ms: percentile(
        during.filter(({ status }) => status === 503).map(({ ms }) => ms),
        0.99,
      ),
      takenAndCut: cut.length,
      allCutAfterMs: Math.round(cutMs),
    });
  });
}

function bodyOf({ body }: Outcome): string {
  return body.toString();
}

function areUnreachable(outcomes: readonly Outcome[]): boolean {
  return outcomes.length > 0 && outcomes.every((outcome) => bodyOf(outcome).includes('"upstream-unreachable"'));
}

/** Asked past the gateway. */
async function waitingAt(backend: BackendProcess): Promise<number> {
  const { body } = await ask({ port: backend.port, path: '/connections' });
  return (JSON.parse(body.toString()) as { waiting: number }).waiting;
}
