/**
 * From what a cluster holds to a live program and back to the status of its objects: build, guard
 * against losing too much, publish, read back, tell. One pass at a time; only the leader acts.
 */
import type { BuildInput, BuildResult } from '../compile/build-program.ts';
import { resourceKey, type Finding } from '../diagnostics/finding.ts';
import { UserError } from '../diagnostics/errors.ts';
import type { PortolanConfig } from '../config/portolan-config.ts';
import type { SourcePublisher } from '../follow/source-publisher.ts';
import type { ProgramStore, PublishReport } from '../program/publish.ts';
import { decodePointer } from '../program/decode.ts';
import { POINTER_KEY } from '../program/keys.ts';
import type { PokeResult } from '../stores/admin-socket.ts';
import { isRecord } from '../resources/record.ts';
import type { ClusterSnapshot, OwnObject } from './cluster-snapshot.ts';
import { conditionsOf, type Publication, type WantedCondition } from './conditions.ts';
import { DeletionGuard } from './mass-deletion.ts';
import type { ResourceEvents } from './resource-events.ts';
import type { StatusShape } from './status-shape.ts';
import type { StatusTarget, StatusWriter } from './status-writer.ts';
import { apiVersionOf, pathOf, type ServedKind } from './watched-kinds.ts';

export type SyncRunOptions = {
  readonly publisher: SourcePublisher;
  readonly store: ProgramStore;
  /** Tells a node that serves the store. */
  readonly announce: () => Promise<PokeResult | null>;
  readonly loadConfig: () => Promise<{ readonly config: PortolanConfig | null; readonly findings: readonly Finding[] }>;
  readonly allowMassDelete: boolean;
  /** Asked before everything that writes. */
  readonly mayAct: () => boolean;
  /** null: status is not written, there is no cluster to write it to. */
  readonly status: {
    readonly writer: StatusWriter;
    readonly events: ResourceEvents;
    readonly shapeOf: (served: ServedKind) => Promise<StatusShape>;
  } | null;
  readonly onProblem: (message: string) => void;
};

export type SyncPass = {
  readonly result: BuildResult;
  /** Why nothing was published; null: what was built is live. */
  readonly withheld: string | null;
  readonly report: PublishReport | null;
  /** What the node that serves the store said; null: there is none to tell. */
  readonly poke: PokeResult | null;
  readonly statuses: { readonly written: number; readonly failed: number };
};

type Published = Pick<SyncPass, 'withheld' | 'report' | 'poke'>;

export class SyncRun {
  readonly #options: SyncRunOptions;
  readonly #guard = new DeletionGuard();
  #isRecalled = false;

  constructor(options: SyncRunOptions) {
    this.#options = options;
  }

  /** Another process may have published meanwhile: what is live is read again before the next pass. */
  forget(): void {
    this.#isRecalled = false;
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
    };
    const before = publisher.accepted;
    const result = publisher.build(input);
    const loss = this.#options.allowMassDelete
      ? null
      : this.#guard.objection(before, result.accepted, performance.now());
    const published: Published =
      loss === null ? await this.#publish(result) : { withheld: loss, report: null, poke: null };
    const { withheld } = published;
    const publication: Publication =
      withheld === null ? { state: 'live' } : { state: 'withheld', reason: sentence(withheld) };
    return { result, ...published, statuses: await this.#tell(snapshot, result, publication) };
  }

  async #publish(result: BuildResult): Promise<Published> {
    const { publisher, store, announce, mayAct } = this.#options;
    if (!mayAct()) return { withheld: 'another process leads', report: null, poke: null };
    let report: PublishReport;
    try {
      report = await publisher.publish(store, result, true);
    } catch (error) {
      this.forget();
      throw error;
    }
    if (report.skipped === 'empty') return { withheld: 'no resource gives a route', report, poke: null };
    const poke = report.skipped === null ? await announce() : null;
    const pointer = await decodePointer(await store.get(POINTER_KEY), {});
    if (pointer.version === report.version) return { withheld: null, report, poke };
    this.forget();
    throw new UserError('another version was published meanwhile');
  }

  async #tell(snapshot: ClusterSnapshot, result: BuildResult, publication: Publication): Promise<SyncPass['statuses']> {
    const { status, mayAct, onProblem } = this.#options;
    if (status === null) return { written: 0, failed: 0 };
    const wanted = await this.#wanted(snapshot, result, publication, status.shapeOf);
    status.events.keep(new Set(wanted.map(({ target }) => target.uid)));
    const told = await status.writer.write(wanted, {
      mayWrite: mayAct,
      onFailed: ({ kind, namespace, name }, message) =>
        onProblem(`status of ${kind} ${namespace ?? ''}/${name}: ${message}`),
    });
    for (const { target, conditions } of wanted) {
      if (!mayAct()) break;
      await status.events
        .tell(target, conditions)
        .catch((error: unknown) =>
          onProblem(
            `event of ${target.kind} ${target.name}: ${error instanceof Error ? error.message : String(error)}`,
          ),
        );
    }
    return told;
  }

  async #wanted(
    { own }: ClusterSnapshot,
    { statuses, findings }: BuildResult,
    publication: Publication,
    shapeOf: (served: ServedKind) => Promise<StatusShape>,
  ): Promise<readonly { target: StatusTarget; conditions: readonly WantedCondition[] }[]> {
    const byKey = new Map(statuses.map((status) => [resourceKey(status.source), status]));
    const about = Map.groupBy(
      findings.filter(({ source, severity }) => source !== null && severity !== 'info'),
      ({ source }) => (source === null ? '' : resourceKey(source)),
    );
    const wanted: { target: StatusTarget; conditions: readonly WantedCondition[] }[] = [];
    for (const object of own) {
      const facts = factsOf(object);
      if (facts === null) continue;
      const key = resourceKey(facts);
      const status = byKey.get(key);
      // Of another installation (ambassador_id): its status is not ours to write.
      if (status === undefined && !about.has(key)) continue;
      const source = { ...facts, file: null, line: null };
      const judged = status ?? { source, state: 'invalid' as const, codes: [] };
      wanted.push({
        target: { ...facts, shape: await shapeOf(object.served) },
        conditions: conditionsOf(judged, about.get(key) ?? [], publication),
      });
    }
    return wanted;
  }
}

function factsOf({ served, raw }: OwnObject): Omit<StatusTarget, 'shape'> | null {
  const { metadata } = raw;
  if (!isRecord(metadata)) return null;
  const { name, namespace, uid, generation } = metadata;
  if (typeof name !== 'string' || typeof uid !== 'string') return null;
  const place = { namespace: typeof namespace === 'string' ? namespace : null, name };
  return {
    ...place,
    path: pathOf(served, place),
    apiVersion: apiVersionOf(served),
    kind: served.kind,
    uid,
    generation: typeof generation === 'number' ? generation : null,
    status: raw['status'],
  };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
