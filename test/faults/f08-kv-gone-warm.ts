/**
 * F8: the store cannot be reached while the gateway is warm. Every route keeps working, those that
 * nobody has asked for yet too, and a version that was published meanwhile is live once the store is back.
 */
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { startBackend } from './backend-process.ts';
import { startFaultKv } from './fault-kv.ts';
import { startBareGateway } from './gateway-process.ts';
import { publish } from './programs.ts';
import { askMany, label, type Outcome } from './raw-client.ts';
import { countBy, Expectations, Stage, until, type FaultOptions, type Figures } from './scenario.ts';
import { buildVersions } from './versions.ts';
import { warmUp } from './stand.ts';

const ROUTES = 300;

export function run({ scale }: FaultOptions): Promise<Figures> {
  const outageMs = scale === 'full' ? 20_000 : 2_000;
  return Stage.run(async (stage) => {
    const backend = stage.add(await startBackend('f8'));
    const versions = await buildVersions({ backend: backend.address, versions: 2, routes: ROUTES });
    const [first, second] = versions.built;
    if (first === undefined || second === undefined) throw new Error('There must be two versions.');
    const folder = stage.folder();
    const store = await openStateFolder(folder);
    await publish(store, first);
    const kv = stage.add(await startFaultKv(store));
    const options = { folder, kvAddress: kv.address, program: first.result.program };
    const gateway = stage.add(await startBareGateway(options));
    const load = (port: number, count: number): Promise<readonly Outcome[]> =>
      askMany(count, 8, (index) => ({ port, ...versions.target(index % ROUTES) }));
    const held = new Expectations();

    await warmUp(gateway, kv, versions);

    await kv.stop();
    const during: Outcome[] = [];
    const end = performance.now() + outageMs;
    while (performance.now() < end) during.push(...(await load(gateway.port, ROUTES)));
    const isRefused = (await gateway.status()).rejected?.startsWith('store-unavailable') === true;
    // Control: without a program, the same outage is noticed at once.
    const cold = stage.add(await startBareGateway(options));
    const coldStatuses = countBy((await load(cold.port, 5)).map(label));

    await publish(store, second);
    await kv.restart();
    const isBack = await until(async () => {
      await load(gateway.port, 1);
      return (await gateway.status()).version === second.encoded.version;
    }, 20_000);
    const errors = during.filter((outcome) => label(outcome) !== '200').length;
    held.equal(errors, 0, 'errors while the store was gone');
    held.expect(isRefused, 'the gateway tells that its store is unavailable');
    held.equal(coldStatuses, { 503: 5 }, 'control: a gateway that starts during the outage');
    held.expect(isBack, 'the version published during the outage is live afterwards');
    return held.figures('F8', { outageMs, requests: during.length, errors, routes: ROUTES });
  });
}
