/**
 * F13: values of the store are damaged at random: bits, digits, ends, holes, other JSON, another format,
 * 25 MB, nothing. No damaged content is ever served; hosts that worked go on; the next publish heals.
 */
import { encodeProgram } from '../../src/program/encode.ts';
import { startBackend } from './backend-process.ts';
import { CORRUPTIONS, HUGE_BYTES } from './corruptions.ts';
import { healsByPublish, judgeCold, judgeWarm, judgeWhole, publishSeries, type Published } from './corrupt-reads.ts';
import { buildRoutes, publish, type Built } from './programs.ts';
import { askMany, label } from './raw-client.ts';
import { Expectations, seededRandom, Stage, type FaultOptions, type Figures } from './scenario.ts';
import { buildVersions, saidBy } from './versions.ts';
import { startStand, warmUp } from './stand.ts';

const SEEDS = [131, 132, 133, 134, 135];
const SMALL = { routes: 24, filler: 1 };
/** Several shards. */
const LARGE = { routes: 160, filler: 200 };
const ROUTES = 300;

type Tally = { tried: number; accepted: number; lost: number; refused: number; wouldServe: number; notHealed: number };

export function run({ scale }: FaultOptions): Promise<Figures> {
  const isFull = scale === 'full';
  const seeds = isFull ? SEEDS : SEEDS.slice(0, 1);
  return Stage.run(async (stage) => {
    const held = new Expectations();
    const inProcess: Tally = { tried: 0, accepted: 0, lost: 0, refused: 0, wouldServe: 0, notHealed: 0 };
    const small = await series(SMALL);
    const large = await series(LARGE);
    for (const seed of seeds) {
      await corruptInProcess(small, { seed, count: isFull ? 1_800 : 250, tally: inProcess, held });
      await corruptInProcess(large, { seed, count: isFull ? 200 : 25, tally: inProcess, held });
    }
    const real = await corruptThroughWorkerd(stage, { seeds, count: isFull ? 80 : 20, held });
    held.equal(inProcess.accepted + real.accepted, 0, 'damaged content that was served');
    held.equal(inProcess.lost + real.lost, 0, 'hosts that stopped working');
    held.equal(inProcess.notHealed, 0, 'damages that the next publish did not heal');
    held.expect(inProcess.wouldServe > inProcess.tried / 10, 'control: damages that only a check can tell');
    return held.figures('F13', {
      seeds: seeds.length,
      tried: inProcess.tried + real.tried,
      accepted: inProcess.accepted + real.accepted,
      refusedInProcess: inProcess.refused,
      triedOnWorkerd: real.tried,
      stillJson: inProcess.wouldServe,
      lostHosts: inProcess.lost + real.lost,
    });
  });
}

async function series({ routes, filler }: { readonly routes: number; readonly filler: number }): Promise<Published> {
  const prefixOf = (route: number): string => `/${'catalogue-'.repeat(filler)}${route}/`;
  const build = async (version: number): Promise<Built> => {
    const facts = Array.from({ length: routes }, (_, route) => ({
      prefix: prefixOf(route),
      hostname: hostOf(route),
      backend: `192.0.2.${route % 5}`,
      says: saidBy(version, route),
    }));
    const { result } = await buildRoutes(facts);
    // A limit of nothing: index parts and upstreams become values of their own.
    return { result, encoded: await encodeProgram(result.program, { indexLimit: 1 }) };
  };
  const targets = Array.from({ length: Math.min(routes, 24) }, (_, route) => ({
    host: hostOf(route),
    path: `${prefixOf(route)}item`,
  }));
  return publishSeries([await build(0), await build(1), await build(2)], targets);
}

function hostOf(route: number): string {
  return `host-${route % 4}.test`;
}

type Batch = { readonly seed: number; readonly count: number; readonly tally: Tally; readonly held: Expectations };

async function corruptInProcess(published: Published, { seed, count, tally, held }: Batch): Promise<void> {
  const random = seededRandom(seed);
  const { before, after } = published;
  const fresh = [...after.values.keys()].filter(
    (key) => after.values.get(key)?.value !== before.values.get(key)?.value,
  );
  const decoder = new TextDecoder();
  for (let at = 0; at < count; at += 1) {
    // The pointer more often than its share: it is the one value that no hash names.
    const key = random() < 0.3 ? 'current' : (fresh[Math.floor(random() * fresh.length)] ?? 'current');
    const corruption = CORRUPTIONS[Math.floor(random() * CORRUPTIONS.length)];
    const intact = after.values.get(key)?.value;
    if (corruption === undefined || intact === undefined) throw new Error('There is nothing to damage.');
    const damaged = corruption.damage(intact, random);
    const value = damaged === null ? null : decoder.decode(damaged);
    if (value === intact) continue;
    tally.tried += 1;
    if (value !== null && isJson(value)) tally.wouldServe += 1;
    const reader = { get: (asked: string) => (asked === key ? Promise.resolve(value) : after.get(asked)) };
    const verdicts = new Set([
      await judgeWarm(published, reader),
      await judgeCold(published, reader),
      await judgeWhole(published, reader),
    ]);
    const what = `seed ${seed}, damage ${at} (${corruption.kind}) of ${key}`;
    if (verdicts.has('accepted')) {
      tally.accepted += 1;
      held.expect(false, `${what} is refused`);
    }
    if (verdicts.has('lost')) tally.lost += 1;
    if (verdicts.has('refused')) tally.refused += 1;
    // Values that a publish does not read cannot stand in its way; some are tried all the same.
    if (!/^(current|history-)/.test(key) && at % 20 !== 0) continue;
    const isHealed = await healsByPublish(published, key, value).catch((error: unknown) => {
      held.expect(false, `${what} does not stop a publish (${String(error)})`);
      return false;
    });
    if (!isHealed) {
      tally.notHealed += 1;
      held.expect(false, `${what} is healed by the next publish: ${(value ?? 'null').slice(0, 400)}`);
    }
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

type RealTally = { tried: number; accepted: number; lost: number };

/** Two versions in turn, each published anew; each is damaged on its first reading and then shown as it is. */
async function corruptThroughWorkerd(
  stage: Stage,
  { seeds, count, held }: { readonly seeds: readonly number[]; readonly count: number; readonly held: Expectations },
): Promise<RealTally> {
  const backend = stage.add(await startBackend('f13'));
  const versions = await buildVersions({ backend: backend.address, versions: 2, routes: ROUTES });
  const [first] = versions.built;
  if (first === undefined) throw new Error('There must be a version.');
  // Only what is asked for below is read: no look of its own comes between.
  const { store, kv, gateway } = await startStand(stage, first, { refreshMs: 600_000 });
  await warmUp(gateway, kv, versions);
  const tally: RealTally = { tried: 0, accepted: 0, lost: 0 };
  let live = 0;
  for (const seed of seeds) {
    const random = seededRandom(seed);
    for (let at = 0; at < count; at += 1) {
      const next = versions.built[1 - live];
      if (next === undefined) throw new Error('There must be two versions.');
      const report = await publish(store, next);
      const keys = ['current', 'current', ...next.encoded.stages.flat().map(({ key }) => key)];
      const key = keys[Math.floor(random() * keys.length)] ?? 'current';
      // One of each seed is as large as KV allows.
      const corruption = at === 0 ? null : CORRUPTIONS[Math.floor(random() * CORRUPTIONS.length)];
      const intact = store.values.get(key)?.value ?? '';
      const damaged =
        corruption === null ? Buffer.alloc(HUGE_BYTES, '[') : (corruption?.damage(intact, random) ?? null);
      kv.setFault((asked) => (asked === key ? { kind: 'value', value: damaged } : null));
      await gateway.reload();
      tally.tried += 1;
      const outcomes = await askMany(8, 4, (route) => ({ port: gateway.port, ...versions.target(route) }));
      tally.lost += outcomes.filter((outcome) => label(outcome) !== '200').length;
      tally.accepted += outcomes.filter((outcome, route) => !versions.isOfOneVersion(outcome, route)).length;
      kv.setFault(null);
      // Control: the same version undamaged is taken, so what was refused was the damage.
      held.equal(await gateway.reload(), report, `seed ${seed}, damage ${at}: the version live afterwards`);
      live = 1 - live;
    }
  }
  return tally;
}
