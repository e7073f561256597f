/** Several clusters of one process: what all of them hold, as soon as it is known, or said that it is not. */
import type { Clock } from './clock.ts';
import type { ClusterSnapshot } from './cluster-snapshot.ts';

type Watch = { snapshot(): ClusterSnapshot | null; run(signal: AbortSignal): Promise<void> };

/** A cluster that was not listed this long after the start is not waited for: what it held last stays. */
const PATIENCE_MS = 30_000;

export class ClustersWatch {
  readonly #watches: ReadonlyMap<string, Watch>;
  readonly #clock: Clock;
  readonly #onImpatient: () => void;
  readonly #startedMs: number;

  /** @param onImpatient called once, when clusters are not waited for any longer */
  constructor(watches: ReadonlyMap<string, Watch>, clock: Clock, onImpatient: () => void) {
    this.#watches = watches;
    this.#clock = clock;
    this.#onImpatient = onImpatient;
    this.#startedMs = clock.nowMs();
  }

  async run(signal: AbortSignal): Promise<void> {
    const waiting = this.#clock.sleep(PATIENCE_MS, signal).then(() => this.#onImpatient());
    await Promise.all([...[...this.#watches.values()].map((watch) => watch.run(signal)), waiting]);
  }

  /** null: some cluster may still come in time, or there is none. */
  snapshot(): ClusterSnapshot | null {
    const found = [...this.#watches].map(([cluster, watch]) => ({ cluster, snapshot: watch.snapshot() }));
    const silent = found.filter(({ snapshot }) => snapshot === null).map(({ cluster }) => cluster);
    const isLate = this.#clock.nowMs() - this.#startedMs >= PATIENCE_MS;
    if (silent.length === found.length || (silent.length > 0 && !isLate)) return null;
    return joinSnapshots(
      found.flatMap(({ snapshot }) => snapshot ?? []),
      silent,
    );
  }
}

export function joinSnapshots(snapshots: readonly ClusterSnapshot[], silent: readonly string[] = []): ClusterSnapshot {
  return {
    objects: snapshots.flatMap(({ objects }) => objects),
    findings: snapshots.flatMap(({ findings }) => findings),
    own: snapshots.flatMap(({ own }) => own),
    silent,
  };
}
