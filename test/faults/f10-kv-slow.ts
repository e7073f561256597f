/**
 * F10: the store answers after 5 seconds, or with 429 and 500, while the gateway looks for a new
 * version all the time. No request waits for it, none fails, and the new version arrives in the end.
 */
import { startBackend } from './backend-process.ts';
import type { KvAnswer } from './fault-kv.ts';
import { publish } from './programs.ts';
import { ask, askMany, label, timesOf, type Outcome } from './raw-client.ts';
import {
  Expectations,
  percentile,
  seededRandom,
  sleep,
  Stage,
  until,
  type FaultOptions,
  type Figures,
} from './scenario.ts';
import { buildVersions, type Versions } from './versions.ts';
import { startStand, warmUp } from './stand.ts';

const ROUTES = 160;
const REQUESTS = 320;

export function run({ scale }: FaultOptions): Promise<Figures> {
  const slowMs = scale === 'full' ? 5_000 : 500;
  const seeds = scale === 'full' ? [1, 2, 3, 4, 5] : [1];
  return Stage.run(async (stage) => {
    const backend = stage.add(await startBackend('f10'));
    const versions = await buildVersions({ backend: backend.address, versions: seeds.length + 2, routes: ROUTES });
    const [first] = versions.built;
    if (first === undefined) throw new Error('There must be a version.');
    const { store, kv, gateway, startGateway } = await startStand(stage, first);
    await warmUp(gateway, kv, versions);
    const load = (): Promise<readonly Outcome[]> =>
      askMany(REQUESTS, 8, (index) => ({ port: gateway.port, ...versions.target(index % ROUTES) }));
    const held = new Expectations();
    const control = await load();

    // Every read waits for the release below, so that a request which waits for one cannot be answered.
    const release = Promise.withResolvers<null>();
    kv.setFault(() => release.promise);
    const asking: Outcome[] = [];
    const isAsked = await until(async () => {
      asking.push(await ask({ port: gateway.port, ...versions.target(0), withinMs: 3_000 }));
      return kv.pending() > 0;
    }, 5_000);
    held.expect(isAsked, 'the gateway asks the store in the background');
    // One of them began the look at the store.
    held.equal(failures(asking.slice(-1), versions), 0, 'the request that begins a look at the store, waiting for it');
    const during = await load();
    held.expect(kv.pending() > 0, 'the read still waits when the last request was answered');
    held.equal(failures(during, versions), 0, 'errors or mixtures while a read waited');
    // Control: a gateway without a program does wait for the store.
    const cold = await startGateway();
    const waiting = await ask({ port: cold.port, ...versions.target(0), withinMs: 500 });
    held.equal(label(waiting), 'hanging', 'control: a cold gateway, whose request needs the store');
    release.resolve(null);

    const slow = await switchUnder(async () => {
      await sleep(slowMs);
      return null;
    }, 1);
    const errorsBySeed: Record<string, number> = {};
    let refusals = 0;
    for (const [at, seed] of seeds.entries()) {
      const random = seededRandom(seed);
      const mixed = await switchUnder(async () => {
        const draw = random();
        if (draw < 0.5) refusals += 1;
        if (draw < 0.25) return { kind: 'status', status: 429 };
        if (draw < 0.45) return { kind: 'status', status: 500 };
        if (draw < 0.5) return { kind: 'reset' };
        await sleep(draw * 200);
        return null;
      }, at + 2);
      errorsBySeed[`seed ${seed}`] = mixed.failed;
    }
    held.expect(refusals > seeds.length, 'the store refused reads');
    return held.figures('F10', {
      requestsWhileReadsWaited: during.length,
      p99Ms: percentile(timesOf(during), 0.99),
      controlP99Ms: percentile(timesOf(control), 0.99),
      slowMs,
      switchedAfterMs: slow.afterMs,
      requestsWhileSlow: slow.requests,
      refusedReads: refusals,
      errorsBySeed,
    });

    /** Publishes the version at `position` under a fault and sends requests until it is live. */
    async function switchUnder(
      fault: () => Promise<KvAnswer>,
      position: number,
    ): Promise<{ failed: number; requests: number; afterMs: number }> {
      const next = versions.built[position];
      if (next === undefined) throw new Error('There are too few versions.');
      kv.setFault(fault);
      await publish(store, next);
      const began = performance.now();
      const answers: Outcome[] = [];
      const isLive = await until(async () => {
        answers.push(...(await load()));
        return (await gateway.status()).version === next.encoded.version;
      }, 60_000);
      const failed = failures(answers, versions);
      held.expect(isLive, `version ${position} is live in the end`);
      held.equal(failed, 0, `errors or mixtures on the way to version ${position}`);
      return { failed, requests: answers.length, afterMs: Math.round(performance.now() - began) };
    }
  });
}

function failures(outcomes: readonly Outcome[], versions: Versions): number {
  const isGood = (outcome: Outcome, index: number): boolean =>
    label(outcome) === '200' && versions.isOfOneVersion(outcome, (index % REQUESTS) % ROUTES);
  return outcomes.filter((outcome, index) => !isGood(outcome, index)).length;
}
