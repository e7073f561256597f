/**
 * F15B: how soon a change is live in `portolan serve`. One of 10,000 routes changes at a time: written
 * to the state folder, as `publish` and a sync job do; with a new upstream, which exchanges the
 * processes; and as an edit of a file that `serve -f` follows, compiling included.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { startBackend } from './backend-process.ts';
import { BuildMemory, buildRoutes, manifestOf, publish, type RouteFacts } from './programs.ts';
import { ask, label } from './raw-client.ts';
import { Expectations, percentile, sleep, Stage, type FaultOptions, type Figures } from './scenario.ts';
import { startServeGateway, type ServeGateway } from './serve-gateway.ts';

const PROCESSES = 2;
const PER_HOST = 50;
const GIVE_UP_MS = 15_000;
/** Between two changes: what the last one left to do is done, as it is in a day's work. */
const PAUSE_MS = 200;

type Change = { readonly route: number; readonly says: string };

export function run({ scale }: FaultOptions): Promise<Figures> {
  const isFull = scale === 'full';
  const routes = isFull ? 10_000 : 500;
  return Stage.run(async (stage) => {
    const backend = stage.add(await startBackend('f15b'));
    const held = new Expectations();
    const facts: RouteFacts[] = Array.from({ length: routes }, (_, route) => ({
      ...factsOf(route),
      backend: backend.address,
      says: 'first',
    }));

    const state = stage.folder();
    const store = await openStateFolder(state);
    const memory = new BuildMemory();
    await publish(store, await buildRoutes(facts, memory));
    const gateway = stage.add(await startServeGateway({ state, processes: PROCESSES }));
    /** Times from the moment the pointer is written. */
    const pushed = async (change: Change, address: string): Promise<number> => {
      facts[change.route] = { ...factsOf(change.route), backend: address, says: change.says };
      const built = await buildRoutes(facts, memory);
      await publish(store, built, { prune: false });
      return untilLive(gateway, change, held);
    };
    const pushMs: number[] = [];
    for (let count = 0; count < (isFull ? 100 : 5); count += 1) {
      await sleep(PAUSE_MS);
      pushMs.push(await pushed({ route: (count * 97) % routes, says: `push-${count}` }, backend.address));
    }
    const pidsBefore = await gateway.edgePids();
    held.expect(pidsBefore.length === PROCESSES, 'both processes serve');
    const upstreamMs: number[] = [];
    for (let count = 0; count < (isFull ? 10 : 1); count += 1) {
      await sleep(PAUSE_MS);
      const { address } = stage.add(await startBackend(`f15b-${count}`));
      upstreamMs.push(await pushed({ route: count, says: `upstream-${count}` }, address));
    }
    const pidsAfter = await gateway.edgePids();
    held.expect(
      pidsAfter.every((pid) => !pidsBefore.includes(pid)),
      'a new upstream exchanges the processes',
    );

    const editMs = await edits(stage, { facts, changes: isFull ? 30 : 2, held });
    return held.figures('F15B', {
      routes,
      pushes: pushMs.length,
      pushP50Ms: percentile(pushMs, 0.5),
      pushP99Ms: percentile(pushMs, 0.99),
      newUpstreamP50Ms: percentile(upstreamMs, 0.5),
      newUpstreamMaxMs: percentile(upstreamMs, 1),
      editP50Ms: percentile(editMs, 0.5),
      editMaxMs: percentile(editMs, 1),
    });
  });
}

type Edits = { readonly facts: readonly RouteFacts[]; readonly changes: number; readonly held: Expectations };

/** From the write of a file among others to the first answer of it. */
async function edits(stage: Stage, { facts, changes, held }: Edits): Promise<readonly number[]> {
  const folder = stage.folder();
  const inFile = 100;
  const fileOf = (route: number): string => path.join(folder, `routes-${Math.floor(route / inFile)}.yaml`);
  for (let from = 0; from < facts.length; from += inFile)
    fs.writeFileSync(fileOf(from), manifestOf(facts.slice(from, from + inFile), from));
  const gateway = stage.add(await startServeGateway({ state: stage.folder(), processes: PROCESSES, sources: folder }));
  const tookMs: number[] = [];
  for (let count = 0; count < changes; count += 1) {
    await sleep(PAUSE_MS);
    const route = (count * 97) % facts.length;
    const says = `edit-${count}`;
    const from = Math.floor(route / inFile) * inFile;
    const changed = facts.slice(from, from + inFile);
    const before = changed[route - from];
    if (before !== undefined) changed[route - from] = { ...before, says };
    fs.writeFileSync(fileOf(route), manifestOf(changed, from));
    tookMs.push(await untilLive(gateway, { route, says }, held));
  }
  return tookMs;
}

/** Milliseconds until an answer shows the change. */
async function untilLive({ port }: ServeGateway, { route, says }: Change, held: Expectations): Promise<number> {
  const began = performance.now();
  for (;;) {
    const outcome = await ask({ port, host: hostOf(route), path: `/service-${route}/item` });
    const tookMs = performance.now() - began;
    held.expect(label(outcome) === '200', `route ${route} answers 200, not ${label(outcome)}`);
    if (outcome.headers.get('x-program') === says) return tookMs;
    if (tookMs > GIVE_UP_MS) {
      held.expect(false, `${says} is live`);
      return tookMs;
    }
    await sleep(1);
  }
}

function factsOf(route: number): { readonly prefix: string; readonly hostname: string } {
  return { prefix: `/service-${route}/`, hostname: hostOf(route) };
}

function hostOf(route: number): string {
  return `host-${Math.floor(route / PER_HOST)}.test`;
}
