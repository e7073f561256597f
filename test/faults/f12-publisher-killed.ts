/**
 * F12: the publisher dies at each of its writes, in any order within a stage, by a thrown error and by
 * SIGKILL of a real process. The gateway keeps the last good version, and the next publish succeeds.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ProgramStore } from '../../src/program/program-store.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { MemoryStore } from '../program/memory-store.ts';
import { startBackend } from './backend-process.ts';
import { dyingStore, shuffle } from './dying-store.ts';
import { startFaultKv, type FaultKv } from './fault-kv.ts';
import { startBareGateway, type FaultGateway } from './gateway-process.ts';
import { manifestOf, publish } from './programs.ts';
import { askMany, label } from './raw-client.ts';
import { Expectations, seededRandom, sleep, Stage, type FaultOptions, type Figures } from './scenario.ts';
import { buildVersions, versionFacts, type Versions } from './versions.ts';

const ROUTES = 300;
const ROOT = path.resolve(import.meta.dirname, '..', '..');

type Place = {
  readonly gateway: FaultGateway;
  readonly kv: FaultKv;
  readonly versions: Versions;
  readonly held: Expectations;
  readonly backend: string;
};
type Tally = { deaths: number; requests: number; wrong: number };

export function run({ scale }: FaultOptions): Promise<Figures> {
  const isFull = scale === 'full';
  return Stage.run(async (stage) => {
    const { address: backend } = stage.add(await startBackend('f12'));
    const versions = await buildVersions({ backend, versions: 2, routes: ROUTES });
    const [good] = versions.built;
    if (good === undefined) throw new Error('There must be a version.');
    const before = new MemoryStore();
    await publish(before, good);
    const kv = stage.add(await startFaultKv(before));
    const gateway = stage.add(
      await startBareGateway({ folder: stage.folder(), kvAddress: kv.address, program: good.result.program }),
    );
    const held = new Expectations();
    const place: Place = { gateway, kv, versions, held, backend };
    const thrown: Tally = { deaths: 0, requests: 0, wrong: 0 };
    const killed: Tally = { deaths: 0, requests: 0, wrong: 0 };
    const random: Tally = { deaths: 0, requests: 0, wrong: 0 };
    const steps = await countSteps(before, versions);
    for (const seed of isFull ? [1, 2, 3, 4, 5] : [1])
      await throwAtEachStep(place, before, { seed, steps, tally: thrown });

    const folder = path.join(stage.folder(), 'good');
    await publish(await openStateFolder(folder), good);
    const copy = (): string => {
      const next = path.join(stage.folder(), 'state');
      fs.cpSync(folder, next, { recursive: true });
      return next;
    };
    const killSteps = isFull ? Array.from({ length: steps }, (_, step) => step) : [steps - 1];
    for (const step of killSteps) await killAtStep(place, copy(), { step, tally: killed });
    for (const seed of isFull ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] : [])
      await killCommand(place, copy(), { seed, tally: random });
    held.equal([thrown.wrong, killed.wrong, random.wrong], [0, 0, 0], 'answers that are not of the last good version');
    await succeedsAfterwards(place, copy());
    return held.figures('F12', {
      steps,
      thrownDeaths: thrown.deaths,
      killedProcesses: killed.deaths,
      killedCommands: random.deaths,
      requests: thrown.requests + killed.requests + random.requests,
      wrong: thrown.wrong + killed.wrong + random.wrong,
    });
  });
}

async function countSteps(before: MemoryStore, versions: Versions): Promise<number> {
  const counting = dyingStore(before.copy(), { afterWrites: Infinity, order: (values) => values, die: neverDies });
  await publishNext(counting, versions);
  return counting.writes();
}

async function throwAtEachStep(
  place: Place,
  before: MemoryStore,
  { seed, steps, tally }: { readonly seed: number; readonly steps: number; readonly tally: Tally },
): Promise<void> {
  const random = seededRandom(seed);
  for (let step = 0; step < steps; step += 1) {
    const store = before.copy();
    const dying = dyingStore(store, { afterWrites: step, order: (values) => shuffle(values, random), die: throwDeath });
    const died = await publishNext(dying, place.versions).then(
      () => false,
      () => true,
    );
    place.held.expect(died && dying.writes() === step, `the publisher died after ${step} of ${steps} writes`);
    await keepsLastGood(place, store, tally);
  }
}

/** A process that kills itself after `step` writes. */
async function killAtStep(
  place: Place,
  folder: string,
  { step, tally }: { readonly step: number; readonly tally: Tally },
): Promise<void> {
  const script = path.join(import.meta.dirname, 'publisher-child.ts');
  const child = spawn(
    process.execPath,
    ['--conditions=portolan-source', script, folder, place.backend, String(ROUTES), '1', String(step)],
    { stdio: 'ignore' },
  );
  const signal = await new Promise<string | null>((resolve) => child.once('exit', (_, by) => resolve(by)));
  place.held.equal(signal, 'SIGKILL', `how the publisher ended after ${step} writes`);
  await keepsLastGood(place, await openStateFolder(folder), tally);
}

/** `portolan publish`, killed a moment after its first file appears. */
async function killCommand(
  place: Place,
  folder: string,
  { seed, tally }: { readonly seed: number; readonly tally: Tally },
): Promise<void> {
  const manifest = path.join(folder, 'routes.yaml');
  fs.writeFileSync(manifest, manifestOf(versionFacts({ backend: place.backend, routes: ROUTES }, 1)));
  const kvFolder = path.join(folder, 'kv');
  const command = ['src/cli.ts', 'publish', '--to', `dir:${folder}`, '-f', manifest];
  const began = firstChange(kvFolder);
  const child = spawn(process.execPath, ['--conditions=portolan-source', ...command], { cwd: ROOT, stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await began;
  await sleep(seededRandom(seed)() * 15);
  child.kill('SIGKILL');
  await exited;
  const store = await openStateFolder(folder);
  // Whether it died before or after its last write is up to the machine; only an unfinished one is a case.
  const pointer = JSON.parse((await store.get('current')) ?? '{}') as { sequence?: number };
  if (pointer.sequence === 1) await keepsLastGood(place, store, tally);
}

/** Rejects when nothing changes for long. */
function firstChange(folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The command did not begin to write.')), 20_000);
    const watcher = fs.watch(folder, () => {
      clearTimeout(timer);
      watcher.close();
      resolve();
    });
  });
}

async function keepsLastGood({ gateway, kv, versions, held }: Place, store: ProgramStore, tally: Tally): Promise<void> {
  kv.setReader(store);
  const live = await gateway.reload();
  held.equal(live, versions.built[0]?.encoded.version, 'the version served after a death');
  const outcomes = await askMany(8, 8, (index) => ({ port: gateway.port, ...versions.target(index) }));
  const isGood = (route: number): boolean => {
    const outcome = outcomes[route];
    return outcome !== undefined && label(outcome) === '200' && versions.versionOf(outcome) === 0;
  };
  tally.deaths += 1;
  tally.requests += outcomes.length;
  tally.wrong += outcomes.filter((outcome, route) => !isGood(route) || !versions.isOfOneVersion(outcome, route)).length;
}

/** The control too: the same publish, when nothing kills it, is seen. */
async function succeedsAfterwards({ gateway, kv, versions, held }: Place, folder: string): Promise<void> {
  const store = await openStateFolder(folder);
  const dying = dyingStore(store, {
    afterWrites: 3,
    order: (values) => values,
    die: throwDeath,
  });
  await publishNext(dying, versions).catch(() => undefined);
  const version = await publishNext(store, versions);
  kv.setReader(store);
  held.equal(await gateway.reload(), version, 'the version served after the next publish');
  const outcomes = await askMany(20, 8, (index) => ({ port: gateway.port, ...versions.target(index) }));
  const wrong = outcomes.filter(
    (outcome, route) => versions.versionOf(outcome) !== 1 || !versions.isOfOneVersion(outcome, route),
  );
  held.equal(wrong.length, 0, 'answers that are not of the version published afterwards');
}

async function publishNext(store: ProgramStore, versions: Versions): Promise<string> {
  const [, next] = versions.built;
  if (next === undefined) throw new Error('There must be two versions.');
  return publish(store, next);
}

function throwDeath(): never {
  throw new Error('The publisher died.');
}

function neverDies(): never {
  throw new Error('It was not meant to die.');
}
