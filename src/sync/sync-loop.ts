/** `sync --watch`: a pass after every change, and now and then without one, so that a store that lost something heals. */
import type { Clock } from './clock.ts';
import type { ClusterSnapshot } from './cluster-snapshot.ts';
import type { Debounce } from './debounce.ts';
import type { SyncPass } from './sync-run.ts';

/** What the loop must know of a pass. */
export type LoopPass = {
  readonly report: { readonly skipped: string | null } | null;
  readonly statuses: { readonly failed: number };
};

export type SyncLoopOptions<Pass extends LoopPass = SyncPass> = {
  /** null: what is to be read was not read as a whole yet. */
  readonly watch: { snapshot(): ClusterSnapshot | null };
  readonly run: { pass(snapshot: ClusterSnapshot): Promise<Pass> };
  readonly clock: Clock;
  readonly changes: Debounce;
  readonly mayAct: () => boolean;
  /** Least time between two publishes: a store may bound how often a key is written. Milliseconds. */
  readonly intervalMs: number;
  readonly onPass: (pass: Pass, tookMs: number) => void;
  readonly onProblem: (message: string) => void;
};

const TICK_MS = 30_000;
const RETRY_MS = 2_000;

export async function runSyncLoop<Pass extends LoopPass>(
  options: SyncLoopOptions<Pass>,
  signal: AbortSignal,
): Promise<void> {
  const { watch, run, clock, changes, mayAct, intervalMs, onPass, onProblem } = options;
  const ticking = (async () => {
    while (!signal.aborted) {
      await clock.sleep(TICK_MS, signal);
      changes.touch();
    }
  })();
  while (!signal.aborted) {
    await changes.due(signal);
    const snapshot = watch.snapshot();
    // What is still to come says so itself.
    if (signal.aborted || snapshot === null || !mayAct()) continue;
    const startedMs = clock.nowMs();
    try {
      const pass = await run.pass(snapshot);
      onPass(pass, clock.nowMs() - startedMs);
      // A status that could not be written is tried again, not forgotten.
      if (pass.statuses.failed > 0) throw new Error(`${pass.statuses.failed} statuses could not be written`);
      if (pass.report?.skipped === null) await clock.sleep(intervalMs, signal);
    } catch (error) {
      onProblem(error instanceof Error ? error.message : String(error));
      await clock.sleep(RETRY_MS, signal);
      changes.touch();
    }
  }
  await ticking;
}
