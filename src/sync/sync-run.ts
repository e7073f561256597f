/**
 * From what clusters hold to a live program and back to the status of their objects: build, guard
 * against losing too much, publish, read back, tell. One pass at a time; only the leader acts.
 */
import type { BuildInput, BuildResult } from '../compile/build-program.ts';
import type { Finding } from '../diagnostics/finding.ts';
import { UserError } from '../diagnostics/errors.ts';
import type { PortolanConfig } from '../config/portolan-config.ts';
import { withSecrets, type LookedAt, type SecretKeys } from '../follow/secret-keys.ts';
import type { SourcePublisher } from '../follow/source-publisher.ts';
import type { ProgramStore, PublishReport } from '../program/publish.ts';
import { decodePointer } from '../program/decode.ts';
import { POINTER_KEY } from '../program/keys.ts';
import type { PokeResult } from '../stores/admin-socket.ts';
import type { ClusterSnapshot } from './cluster-snapshot.ts';
import type { Publication } from './conditions.ts';
import { judgeOf } from './judgements.ts';
import { DeletionGuard } from './mass-deletion.ts';
import { tellObjects, type StatusPorts } from './object-statuses.ts';
import type { SliceOutcomes } from './slice-outcomes.ts';
import type { StatusReport } from './status-writer.ts';

export type SyncRunOptions = {
  readonly publisher: SourcePublisher;
  readonly store: ProgramStore;
  /** Tells a node that serves the store. */
  readonly announce: () => Promise<PokeResult | null>;
  readonly loadConfig: () => Promise<{ readonly config: PortolanConfig | null; readonly findings: readonly Finding[] }>;
  /** Reads the Secrets of the clusters and writes their keys. Absent: who writes slices does. */
  readonly secretKeys?: SecretKeys;
  readonly allowMassDelete: boolean;
  /** Asked before everything that writes. */
  readonly mayAct: () => boolean;
  /** Of the one and unnamed cluster. null: status is not written, there is no cluster to write it to. */
  readonly status: StatusPorts | null;
  /** Of clusters with a name. Default none. */
  readonly clusterStatus?: ReadonlyMap<string, StatusPorts>;
  /** Where the objects come from slices: who wrote them is told there. Default nobody. */
  readonly outcomes?: SliceOutcomes;
  readonly onProblem: (message: string) => void;
};

export type SyncPass = {
  readonly result: BuildResult;
  /** Why nothing was published; null: what was built is live. */
  readonly withheld: string | null;
  readonly report: PublishReport | null;
  /** What the node that serves the store said; null: there is none to tell. */
  readonly poke: PokeResult | null;
  readonly statuses: StatusReport;
};

/** Most often a wrong context: the last route is not taken away over it. */
const EMPTY = 'no resource gives a route; what is live stays, and --allow-mass-delete takes that away all the same';

type Published = Pick<SyncPass, 'withheld' | 'report' | 'poke'>;

export class SyncRun {
  readonly #options: SyncRunOptions;
  readonly #guard = new DeletionGuard();
  #isRecalled = false;
  /** This process had routes from the same place before: when they are gone now, somebody took them away. */
  #hasSeenRoutes = false;

  constructor(options: SyncRunOptions) {
    this.#options = options;
  }

  /** Another process may have published meanwhile: what is live is read again before the next pass. */
  forget(): void {
    this.#isRecalled = false;
    this.#options.secretKeys?.forget();
    this.#options.outcomes?.forget();
  }

  /** Throws when the store cannot be asked; nothing is half published then. */
  async pass(snapshot: ClusterSnapshot): Promise<SyncPass> {
    const { publisher, store, loadConfig } = this.#options;
    if (!this.#isRecalled) {
      await publisher.recall(store);
      this.#isRecalled = true;
    }
    const { config, findings } = await loadConfig();
    const input: BuildInput = {
      objects: snapshot.objects,
      config,
      initialFindings: [...snapshot.findings, ...findings],
      silentClusters: snapshot.silent ?? [],
    };
    const before = publisher.accepted;
    const looked = (await this.#options.secretKeys?.look(input, before)) ?? null;
    const secrets = { states: snapshot.secrets ?? {}, others: 'missing' as const };
    const result = publisher.build(looked === null ? { ...input, secrets } : withSecrets(input, looked));
    const loss = this.#options.allowMassDelete
      ? null
      : this.#guard.objection(before, result.accepted, performance.now());
    const published: Published =
      loss === null ? await this.#publish(result, looked) : { withheld: loss, report: null, poke: null };
    this.#hasSeenRoutes ||= result.counts.routes > 0;
    const { withheld } = published;
    // A key that left its Secret stops, whatever else is held back.
    if (looked !== null && this.#options.mayAct())
      await this.#options.secretKeys?.takeBack(looked, withheld === null ? result.accepted : null);
    const publication: Publication =
      withheld === null ? { state: 'live' } : { state: 'withheld', reason: sentence(withheld) };
    return { result, ...published, statuses: await this.#tell(snapshot, result, publication) };
  }

  async #publish(result: BuildResult, looked: LookedAt | null): Promise<Published> {
    const { publisher, store, announce, mayAct, allowMassDelete, secretKeys } = this.#options;
    if (!mayAct()) return { withheld: 'another process leads', report: null, poke: null };
    if (looked !== null) await secretKeys?.add(looked);
    let report: PublishReport;
    try {
      report = await publisher.publish(store, result, true, allowMassDelete || this.#hasSeenRoutes);
    } catch (error) {
      this.forget();
      throw error;
    }
    if (report.skipped === 'empty') return { withheld: EMPTY, report, poke: null };
    const poke = report.skipped === null ? await announce() : null;
    const pointer = await decodePointer(await store.get(POINTER_KEY), {});
    if (pointer.version === report.version) return { withheld: null, report, poke };
    this.forget();
    throw new UserError('another version was published meanwhile');
  }

  async #tell({ own, slices }: ClusterSnapshot, result: BuildResult, publication: Publication): Promise<StatusReport> {
    const { status, clusterStatus, outcomes, ...tools } = this.#options;
    const judgeIn = judgeOf(result);
    const total = { written: 0, failed: 0 };
    const places = [[undefined, status] as const, ...(clusterStatus ?? new Map<string, StatusPorts>())];
    for (const [cluster, ports] of places) {
      if (ports === null) continue;
      const objects = own.filter((object) => object.cluster === cluster);
      const judge = judgeIn(cluster ?? null);
      const { written, failed } = await tellObjects(ports, objects, { judge, publication }, tools);
      total.written += written;
      total.failed += failed;
    }
    if (outcomes !== undefined) await outcomes.tell(slices ?? [], judgeIn, publication, tools.mayAct);
    return total;
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
