/**
 * F11: the store shows old values: each read of each key may answer as it was up to some publishes
 * ago, a value that is new may still be absent. Every answer is of one version from start to end, and
 * no later request is served by an older version than an earlier one.
 */
import { startBackend } from './backend-process.ts';
import { publish } from './programs.ts';
import { ask, label, type Outcome } from './raw-client.ts';
import { Expectations, seededRandom, Stage, until, type FaultOptions, type Figures } from './scenario.ts';
import { buildVersions, type Versions } from './versions.ts';
import { startStand, warmUp } from './stand.ts';

const ROUTES = 300;
const PARALLEL = 8;
/** How many publishes a read may lag behind. */
const LAG = 3;

type Tally = {
  requests: number;
  errors: number;
  mixed: number;
  backwards: number;
  staleReads: number;
  seen: Set<number>;
};

export function run({ scale }: FaultOptions): Promise<Figures> {
  const seeds = scale === 'full' ? [11, 12, 13, 14, 15] : [11];
  const publishes = scale === 'full' ? 20 : 6;
  return Stage.run(async (stage) => {
    const backend = stage.add(await startBackend('f11'));
    const versions = await buildVersions({ backend: backend.address, versions: publishes + 1, routes: ROUTES });
    const held = new Expectations();
    const tally: Tally = { requests: 0, errors: 0, mixed: 0, backwards: 0, staleReads: 0, seen: new Set() };
    for (const seed of seeds) await runSeed(stage, { seed, versions, tally, held });
    held.equal(tally.errors, 0, 'errors');
    held.equal(tally.mixed, 0, 'answers that mix two versions');
    held.equal(tally.backwards, 0, 'answers of an older version than one before');
    held.expect(tally.staleReads > seeds.length * publishes, 'the store showed old values');
    held.expect(tally.seen.size > publishes / 3, 'several versions were served');
    const { seen, ...counts } = tally;
    return held.figures('F11', { seeds: seeds.length, publishes, ...counts, versionsSeen: seen.size });
  });
}

type SeedRun = {
  readonly seed: number;
  readonly versions: Versions;
  readonly tally: Tally;
  readonly held: Expectations;
};

async function runSeed(stage: Stage, { seed, versions, tally, held }: SeedRun): Promise<void> {
  const random = seededRandom(seed);
  const [first, ...later] = versions.built;
  if (first === undefined) throw new Error('There must be a version.');
  const { store, kv, gateway } = await startStand(stage, first, { refreshMs: 5 });
  const past = [store.copy()];
  await warmUp(gateway, kv, versions);
  kv.setFault(async (key) => {
    const lag = Math.floor(random() * LAG);
    const value = (await past.at(-1 - lag)?.get(key)) ?? null;
    if (value !== (await store.get(key))) tally.staleReads += 1;
    return { kind: 'value', value };
  });

  let newest = 0;
  const send = async (): Promise<void> => {
    const route = Math.floor(random() * ROUTES);
    const newestBefore = newest;
    const outcome = await ask({ port: gateway.port, ...versions.target(route) });
    tally.requests += 1;
    if (label(outcome) !== '200') {
      tally.errors += 1;
      return;
    }
    if (!versions.isOfOneVersion(outcome, route)) tally.mixed += 1;
    if (!isMixtureNoticed(outcome, route, versions))
      held.expect(false, `control: a mixture is noticed (route ${route})`);
    const position = versions.versionOf(outcome) ?? -1;
    if (position < newestBefore) tally.backwards += 1;
    newest = Math.max(newest, position);
    tally.seen.add(position);
  };
  const sendMany = async (count: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: PARALLEL }, async () => {
        for (let sent = 0; sent < count / PARALLEL; sent += 1) await send();
      }),
    );
  };
  for (const next of later) {
    await publish(store, next);
    past.push(store.copy());
    await sendMany(80);
  }
  kv.setFault(null);
  const last = later.at(-1)?.encoded.version ?? '';
  const isLast = await until(async () => {
    await sendMany(PARALLEL);
    return (await gateway.status()).version === last;
  }, 15_000);
  held.expect(isLast, `seed ${seed}: the last version is live once the store shows it`);
}

/** Control: the same answer under another version's name, two further so that every route differs. */
function isMixtureNoticed(outcome: Outcome, route: number, versions: Versions): boolean {
  const position = versions.versionOf(outcome) ?? 0;
  const other = versions.built[position >= 2 ? position - 2 : position + 2]?.encoded.version ?? '';
  const headers = new Map(outcome.headers).set('x-portolan-config-version', other);
  return !versions.isOfOneVersion({ ...outcome, headers }, route);
}
