/** One process of `portolan sync --watch` in virtual time, put together as src/commands/sync-watch.ts does it. */
import { BuildCache } from '../../src/compile/build-program.ts';
import { SourcePublisher } from '../../src/follow/source-publisher.ts';
import type { ProgramStore } from '../../src/program/program-store.ts';
import { ClusterWatch } from '../../src/sync/cluster-watch.ts';
import { Debounce } from '../../src/sync/debounce.ts';
import { definitionShapes } from '../../src/sync/definition-shapes.ts';
import type { KubernetesApi } from '../../src/sync/kubernetes-api.ts';
import { LeaderElection } from '../../src/sync/lease.ts';
import { ResourceEvents } from '../../src/sync/resource-events.ts';
import { StatusWriter } from '../../src/sync/status-writer.ts';
import { runSyncLoop } from '../../src/sync/sync-loop.ts';
import { SyncRun } from '../../src/sync/sync-run.ts';
import type { ProcessLife } from './process-life.ts';

export type SyncProcessOptions = {
  readonly api: KubernetesApi;
  readonly store: ProgramStore;
  readonly life: ProcessLife;
  readonly identity: string;
  /** For a control: it takes itself for the leader, whatever the Lease says. */
  readonly alwaysLeads: boolean;
};

export type SyncProcess = {
  readonly isLeader: () => boolean;
  /** As SIGTERM does: what runs is finished, and the Lease is given back. */
  stop(): void;
};

function onProblem(): void {}

export function startSyncProcess({ api, store, life, identity, alwaysLeads }: SyncProcessOptions): SyncProcess {
  const { clock } = life;
  const now = (): Date => new Date(clock.nowMs());
  const stop = new AbortController();
  const changes = new Debounce(clock);
  const watch = new ClusterWatch({ api, clock, onChange: () => changes.touch(), onProblem });
  const election = new LeaderElection({
    api,
    clock,
    identity,
    namespace: 'n',
    name: 'portolan-sync',
    onError: onProblem,
    onChange: () => {
      run.forget();
      changes.touch();
    },
  });
  const mayAct = (): boolean => alwaysLeads || election.isLeader;
  const run = new SyncRun({
    publisher: new SourcePublisher({
      build: { target: 'self-hosted', unresolved: 'echo', cache: new BuildCache() },
    }),
    store,
    announce: () => Promise.resolve(null),
    loadConfig: () => Promise.resolve({ config: null, findings: [] }),
    allowMassDelete: false,
    mayAct,
    status: {
      writer: new StatusWriter(api, now),
      events: new ResourceEvents(api, { identity, now }),
      shapeOf: definitionShapes(api, clock, onProblem),
    },
    onProblem,
  });
  const loop = { watch, run, clock, changes, mayAct, onProblem, intervalMs: 0, onPass: () => undefined };
  for (const running of [watch.run(stop.signal), election.run(stop.signal), runSyncLoop(loop, stop.signal)])
    void running;
  return { isLeader: () => election.isLeader, stop: () => stop.abort() };
}
