/** `portolan sync --slice`: one cluster's part of a program that another process publishes. */
import { countFindings } from '../diagnostics/finding.ts';
import { plural } from '../diagnostics/render.ts';
import type { SecretKeys } from '../follow/secret-keys.ts';
import type { OpenTarget, StoreTarget } from '../stores/store-target.ts';
import type { ClusterSnapshot } from '../sync/cluster-snapshot.ts';
import type { StatusPorts } from '../sync/object-statuses.ts';
import type { SlicePass, SliceRun } from '../sync/slice-run.ts';
import { EXIT_ERRORS, EXIT_OK, EXIT_PARTLY } from './command.ts';
import { findingsJson, noteFindings } from './finding-output.ts';
import { formatPublishTarget } from './publish-targets.ts';
import { openStore } from './open-store.ts';
import { readSignKey } from './sign-key.ts';
import { chooseClusters, connectClusters, type ConnectedCluster } from './sync-clusters.ts';
import { clusterWatch, keysOfClusters, publishIntervalMs, snapshotOf, snapshotOfFiles } from './sync-direct.ts';
import { keysOfDocuments } from './secret-keys.ts';
import { pollMs } from './sync-publisher.ts';
import { statusPorts, watchUntilStopped, type Watched, type WatchTools } from './sync-watch.ts';
import type { SyncContext } from './sync-options.ts';

export async function syncSlice(context: SyncContext, target: StoreTarget, cluster: string): Promise<number> {
  const { options, terminal } = context;
  const choices = chooseClusters(options.context ?? [], cluster);
  const [connected = null] = options.file === undefined ? await connectClusters(choices, terminal) : [];
  const opened = await openStore(target, terminal);
  try {
    if (connected === null || options.watch !== true)
      return await writeOnce(context, target, opened, { cluster, connected });
    await watchUntilStopped(context, {
      leaseApi: connected.api,
      intervalMs: publishIntervalMs(target),
      create: (tools) => watchSlice(context, target, opened, { cluster, connected, tools }),
    });
    return EXIT_OK;
  } finally {
    await opened.close();
  }
}

type SliceParts = {
  readonly cluster: string;
  readonly status: StatusPorts | null;
  readonly secretKeys: SecretKeys;
  readonly mayAct: () => boolean;
  readonly onProblem: (message: string) => void;
};

async function createSliceRun(
  { options, terminal }: SyncContext,
  { store }: OpenTarget,
  parts: SliceParts,
): Promise<SliceRun> {
  const { SliceRun } = await import('../sync/slice-run.ts');
  const signKey = readSignKey(terminal.env['PORTOLAN_SIGN_KEY']);
  return new SliceRun({
    store,
    allowMassDelete: options['allow-mass-delete'] === true,
    nowMs: () => Date.now(),
    ...(signKey !== null && { signKey }),
    ...parts,
  });
}

async function writeOnce(
  context: SyncContext,
  target: StoreTarget,
  opened: OpenTarget,
  { cluster, connected }: { readonly cluster: string; readonly connected: ConnectedCluster | null },
): Promise<number> {
  const onProblem = (message: string): void => context.note(message);
  const status = await statusOf(context, connected, onProblem);
  const files = connected === null ? await snapshotOfFiles(context, cluster) : null;
  const secretKeys =
    connected === null
      ? keysOfDocuments(() => files?.secrets ?? [], target, context.terminal, cluster)
      : await keysOfClusters([connected], target, { ...context, onProblem });
  try {
    const run = await createSliceRun(context, opened, { cluster, status, secretKeys, mayAct: () => true, onProblem });
    const snapshot = files?.snapshot ?? (await snapshotOf(connected === null ? [] : [connected]));
    return tellSlice(context, target, snapshot, await run.pass(snapshot));
  } finally {
    await secretKeys.close();
  }
}

async function watchSlice(
  context: SyncContext,
  target: StoreTarget,
  opened: OpenTarget,
  given: { readonly cluster: string; readonly connected: ConnectedCluster; readonly tools: WatchTools },
): Promise<Watched<SlicePass>> {
  const { cluster, connected, tools } = given;
  const { clock, changes, signal, log, mayAct, onProblem } = tools;
  const status = await statusOf(context, connected, onProblem);
  const secretKeys = await keysOfClusters([connected], target, { ...context, onProblem });
  let isAsking = false;
  const askAgain = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    await clock.sleep(pollMs(target), signal);
    isAsking = false;
    changes.touch();
  };
  return {
    watch: await clusterWatch(connected, tools),
    run: await createSliceRun(context, opened, { cluster, status, secretKeys, mayAct, onProblem }),
    close: () => secretKeys.close(),
    onPass: (pass, tookMs) => {
      if (isSliceNews(pass)) log(pass.withheld === null ? 'info' : 'warning', 'slice', slicePassFields(pass, tookMs));
      // What the publisher makes of it is not known yet.
      if (pass.withheld === null && pass.outcome === null) void askAgain();
    },
  };
}

async function statusOf(
  { options, terminal }: SyncContext,
  connected: ConnectedCluster | null,
  onProblem: (message: string) => void,
): Promise<StatusPorts | null> {
  return connected === null || options['no-status'] === true ? null : statusPorts(connected.api, terminal, onProblem);
}

function tellSlice(
  context: SyncContext,
  target: StoreTarget,
  snapshot: ClusterSnapshot,
  { withheld, report, resources, outcome }: SlicePass,
): number {
  const { json, print, printJson, note } = context;
  const counts = countFindings(snapshot.findings);
  if (json) {
    printJson({
      to: formatPublishTarget(target),
      slice: context.options.slice,
      changed: report?.skipped === null,
      reason: withheld,
      written: report?.written ?? [],
      resources,
      judged: outcome !== null,
      ...findingsJson(snapshot.findings),
    });
  } else {
    noteFindings(snapshot.findings, context);
    if (withheld !== null) note(`The slice was not written: ${withheld}.`);
    else if (report?.skipped === 'unchanged') print(`unchanged: ${plural(resources, 'resource')}`);
    else
      print(`slice of ${context.options.slice}: ${plural(resources, 'resource')}, ${report?.written.length} written`);
  }
  if (withheld !== null) return EXIT_ERRORS;
  return counts.error > 0 ? EXIT_PARTLY : EXIT_OK;
}

function slicePassFields(
  { withheld, report, resources, content, outcome, statuses }: SlicePass,
  tookMs: number,
): Readonly<Record<string, unknown>> {
  return {
    written: report?.written.length ?? 0,
    ...(withheld !== null && { withheld }),
    resources,
    unreadable: content.findings.length,
    judged: outcome !== null,
    ...(outcome?.withheld !== null && outcome?.withheld !== undefined && { publisherSays: outcome.withheld }),
    statuses,
    tookMs: Math.round(tookMs),
  };
}

function isSliceNews({ withheld, report, statuses }: SlicePass): boolean {
  return withheld !== null || report?.skipped === null || statuses.written > 0 || statuses.failed > 0;
}
