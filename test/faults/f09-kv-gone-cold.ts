/**
 * F9: a gateway starts while the store cannot be reached: refused, silent, failing or empty. Every
 * request gets a clean 503 with Retry-After, and the gateway serves by itself once the store is back.
 */
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { startBackend } from './backend-process.ts';
import { startFaultKv, type FaultKv } from './fault-kv.ts';
import { startBareGateway } from './gateway-process.ts';
import { publish } from './programs.ts';
import { ask, askMany, label } from './raw-client.ts';
import { countBy, Expectations, Stage, until, type FaultOptions, type Figures } from './scenario.ts';
import { buildVersions } from './versions.ts';

const ROUTES = 20;

type Outage = { readonly name: string; readonly begin: (kv: FaultKv) => unknown };

const SILENT: Outage = { name: 'silent', begin: (kv) => kv.setFault(() => new Promise(() => undefined)) };
const OUTAGES: readonly Outage[] = [
  { name: 'refused', begin: (kv) => kv.stop() },
  { name: 'pointerOnly', begin: (kv) => kv.setFault((key) => (key === 'current' ? null : { kind: 'reset' })) },
  { name: 'reset', begin: (kv) => kv.setFault(() => ({ kind: 'reset' })) },
  { name: 'status500', begin: (kv) => kv.setFault(() => ({ kind: 'status', status: 500 })) },
  { name: 'empty', begin: (kv) => kv.setFault(() => ({ kind: 'value', value: null })) },
];

export function run({ scale }: FaultOptions): Promise<Figures> {
  // The silent store takes the gateway's own 10 seconds for a read, each other one a second.
  const outages = scale === 'full' ? [...OUTAGES, SILENT] : OUTAGES.slice(0, 2);
  return Stage.run(async (stage) => {
    const backend = stage.add(await startBackend('f9'));
    const versions = await buildVersions({ backend: backend.address, versions: 1, routes: ROUTES });
    const [built] = versions.built;
    if (built === undefined) throw new Error('There must be a version.');
    const folder = stage.folder();
    const store = await openStateFolder(folder);
    await publish(store, built);
    const held = new Expectations();
    const recoveryMs: Record<string, number> = {};
    let refused = 0;
    for (const { name, begin } of outages) {
      const kv = stage.add(await startFaultKv(store));
      await begin(kv);
      const gateway = stage.add(
        await startBareGateway({ folder, kvAddress: kv.address, program: built.result.program }),
      );
      const target = { port: gateway.port, ...versions.target(0) };
      const answers = await askMany(20, 5, () => target);
      refused += answers.length;
      held.equal(countBy(answers.map(label)), { 503: answers.length }, `answers while the store is ${name}`);
      const areTold = answers.every(
        ({ headers, body }) =>
          headers.get('retry-after') !== undefined &&
          headers.get('content-type') === 'application/problem+json' &&
          body.toString().includes('"no-program"'),
      );
      held.expect(areTold, `every 503 while the store is ${name} is a problem document with Retry-After`);

      kv.setFault(null);
      if (name === 'refused') await kv.restart();
      const back = performance.now();
      const isBack = await until(async () => label(await ask(target)) === '200', 15_000);
      recoveryMs[name] = Math.round(performance.now() - back);
      held.expect(isBack, `serves after the store was ${name}`);
    }
    return held.figures('F9', { outages: outages.length, refused, recoveryMs });
  });
}
