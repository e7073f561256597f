/** `portolan sync --publisher`: the slices of several clusters → a live program. Asks no cluster itself. */
import { UserError } from '../diagnostics/errors.ts';
import type { OpenTarget, StoreTarget } from '../stores/store-target.ts';
import type { KubernetesApi } from '../sync/kubernetes-api.ts';
import type { SliceWatch } from '../sync/slice-watch.ts';
import type { SyncPass } from '../sync/sync-run.ts';
import { EXIT_OK } from './command.ts';
import { openStore } from './open-store.ts';
import { usageError } from './parse-arguments.ts';
import { tellOutcome } from './publish-outcome.ts';
import { readSignKey } from './sign-key.ts';
import { chooseClusters, connectClusters } from './sync-clusters.ts';
import { createRun, logPass, publishIntervalMs } from './sync-direct.ts';
import { watchUntilStopped, type Watched, type WatchTools } from './sync-watch.ts';
import type { SyncContext } from './sync-options.ts';

export async function syncSlices(context: SyncContext, target: StoreTarget): Promise<number> {
  const { options, terminal } = context;
  if (options.file !== undefined)
    throw usageError('sync', '--publisher reads slices; -f goes with --slice, or with neither.');
  const leaseApi = await connectForLease(context);
  const opened = await openStore(target, terminal);
  try {
    if (options.watch !== true) return await publishOnce(context, target, opened);
    await watchUntilStopped(context, {
      leaseApi,
      intervalMs: publishIntervalMs(target),
      create: (tools) => watchSlices(context, target, opened, tools),
    });
    return EXIT_OK;
  } finally {
    await opened.close();
  }
}

/** Time between two looks at the store, milliseconds: a folder is read in a moment, Cloudflare counts reads. */
export function pollMs(target: StoreTarget): number {
  return target.kind === 'cloudflare' ? 10_000 : 1_000;
}

async function connectForLease({ options, terminal }: SyncContext): Promise<KubernetesApi | null> {
  if (options['lease-namespace'] === undefined || options.watch !== true) return null;
  const [choice, ...more] = chooseClusters(options.context ?? [], undefined);
  if (more.length > 0) throw usageError('sync', '--publisher takes one --context: that of its Lease.');
  const [connected] = choice === undefined ? [] : await connectClusters([choice], terminal);
  return connected?.api ?? null;
}

async function publishOnce(context: SyncContext, target: StoreTarget, opened: OpenTarget): Promise<number> {
  const { systemClock } = await import('../sync/clock.ts');
  const { SliceOutcomes } = await import('../sync/slice-outcomes.ts');
  const onProblem = (message: string): void => context.note(message);
  const watch = await sliceWatch(context, target, opened, { clock: systemClock, onChange: () => undefined, onProblem });
  await watch.poll();
  const snapshot = watch.snapshot();
  if (snapshot === null)
    throw new UserError('nothing was published: the store holds no slice. `portolan sync --slice CLUSTER` writes one');
  const outcomes = new SliceOutcomes(opened.store, onProblem);
  const run = await createRun(context, target, opened, {
    mayAct: () => true,
    status: null,
    outcomes,
    onProblem,
  });
  const pass = await run.pass(snapshot);
  return tellOutcome(context, target, pass.result, { reason: pass.withheld, report: pass.report, poke: pass.poke });
}

async function watchSlices(
  context: SyncContext,
  target: StoreTarget,
  opened: OpenTarget,
  tools: WatchTools,
): Promise<Watched<SyncPass>> {
  const { clock, changes, mayAct, onProblem } = tools;
  const { SliceOutcomes } = await import('../sync/slice-outcomes.ts');
  const watch = await sliceWatch(context, target, opened, { clock, onChange: () => changes.touch(), onProblem });
  const outcomes = new SliceOutcomes(opened.store, onProblem);
  return {
    watch,
    run: await createRun(context, target, opened, { mayAct, status: null, outcomes, onProblem }),
    onPass: logPass(tools),
    ages: () => watch.ages(),
  };
}

async function sliceWatch(
  { terminal }: SyncContext,
  target: StoreTarget,
  { store }: OpenTarget,
  tools: Pick<ConstructorParameters<typeof SliceWatch>[0], 'clock' | 'onChange' | 'onProblem'>,
): Promise<SliceWatch> {
  const { SliceWatch } = await import('../sync/slice-watch.ts');
  // What it would sign must come from who has the key, too.
  const verifyKey = readSignKey(terminal.env['PORTOLAN_SIGN_KEY']);
  return new SliceWatch({ store, pollMs: pollMs(target), ...(verifyKey !== null && { verifyKey }), ...tools });
}
