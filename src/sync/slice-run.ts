/**
 * From what one cluster holds to its slice in the store, and from the publisher's outcome back to the
 * status of its objects. Never touches the pointer. One pass at a time; only the leader acts.
 */
import type { JWK } from 'jose';
import { NOTHING_LOOKED_AT, type LookedAt, type SecretKeys } from '../follow/secret-keys.ts';
import { PlainForm } from '../compile/last-accepted.ts';
import type { AcceptedResources } from '../program/accepted.ts';
import { EncodeCache } from '../program/encode-cache.ts';
import { outcomeKey, sliceKey } from '../program/keys.ts';
import type { ProgramStore, StoredValue } from '../program/program-store.ts';
import { ProgramRejected } from '../program/rejected.ts';
import type { StoredOutcome, StoredSlice } from '../program/slice-form.ts';
import {
  bucketKeys,
  decodeOutcome,
  decodeSlice,
  encodeSlice,
  sealSlice,
  type SliceContent,
} from '../program/slices.ts';
import { getAll, loadBuckets } from '../program/sources.ts';
import type { ClusterSnapshot } from './cluster-snapshot.ts';
import type { Publication } from './conditions.ts';
import type { Judge } from './judgements.ts';
import { DeletionGuard } from './mass-deletion.ts';
import { tellObjects, type StatusPorts } from './object-statuses.ts';
import { loadFinding, sliceContent } from './slice-content.ts';
import type { StatusReport } from './status-writer.ts';

export type SliceRunOptions = {
  readonly cluster: string;
  readonly store: ProgramStore;
  /** Signs the slice; a publisher that has the key takes no other. */
  readonly signKey?: JWK;
  /** Reads the Secrets of the cluster and writes their keys: the publisher never sees them. Absent: none is read. */
  readonly secretKeys?: SecretKeys;
  readonly allowMassDelete: boolean;
  /** Asked before everything that writes. */
  readonly mayAct: () => boolean;
  /** null: status is not written, there is no cluster to write it to. */
  readonly status: StatusPorts | null;
  readonly onProblem: (message: string) => void;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
};

export type SlicePass = {
  readonly resources: number;
  readonly content: SliceContent;
  /** Why the slice was not written although it differs; null otherwise. */
  readonly withheld: string | null;
  readonly report: { readonly skipped: 'unchanged' | null; readonly written: readonly string[] } | null;
  /** What the publisher made of this very content; null: it has not said yet. */
  readonly outcome: StoredOutcome | null;
  readonly statuses: StatusReport;
};

/** A slice is written again after so long although nothing changed: the publisher can tell silence from peace. */
export const RENEW_MS = 600_000;

type Stored = { readonly slice: StoredSlice; readonly resources: AcceptedResources };

export class SliceRun {
  readonly #options: SliceRunOptions;
  readonly #guard = new DeletionGuard();
  readonly #plain = new PlainForm();
  readonly #cache = new EncodeCache();
  /** What the store holds; null: nothing that can be trusted. undefined: not looked at yet. */
  #stored: Stored | null | undefined = undefined;

  constructor(options: SliceRunOptions) {
    this.#options = options;
  }

  /** Another process may have written meanwhile: the slice is read again before the next pass. */
  forget(): void {
    this.#stored = undefined;
    this.#options.secretKeys?.forget();
  }

  /** Throws when the store cannot be asked. */
  async pass(snapshot: ClusterSnapshot): Promise<SlicePass> {
    const { cluster, mayAct, allowMassDelete, secretKeys } = this.#options;
    this.#stored ??= await this.#read();
    const named = { objects: snapshot.objects, config: null };
    const looked = (await secretKeys?.look(named, this.#stored?.resources ?? {})) ?? NOTHING_LOOKED_AT;
    const findings = [...snapshot.findings, ...looked.findings];
    const secrets = secretsInSlice(looked, cluster);
    const content = { ...sliceContent({ objects: snapshot.objects, findings }, this.#plain), secrets };
    const { slice, values } = await encodeSlice(cluster, content, this.#cache);
    const isFresh = this.#isFresh(slice.content);
    if (!isFresh && mayAct()) await this.#lookForOther();
    const before = this.#stored;
    const common = { resources: slice.resources, content };
    const withheld = mayAct()
      ? allowMassDelete
        ? null
        : this.#guard.objection(before?.resources ?? {}, withUnreadable(content, before), performance.now())
      : 'another process leads';
    if (withheld !== null) {
      // A key that left its Secret stops, whatever else is held back.
      if (mayAct()) await secretKeys?.takeBack(looked, null);
      return { ...common, withheld, report: null, outcome: null, statuses: { written: 0, failed: 0 } };
    }
    await secretKeys?.add(looked);
    const isSame = before?.slice.content === slice.content;
    const missing = isFresh ? [] : await this.#missing(values, before);
    if (!isFresh) await this.#write(slice, missing, content);
    const written = isFresh ? [] : [...missing.map(({ key }) => key), sliceKey(cluster)];
    const outcome = await this.#outcome(slice.content);
    const isLive = outcome !== null && outcome.withheld === null;
    await secretKeys?.takeBack(looked, isLive ? content.resources : null);
    const statuses = outcome === null ? { written: 0, failed: 0 } : await this.#tell(snapshot, content, outcome);
    return { ...common, withheld: null, report: { skipped: isSame ? 'unchanged' : null, written }, outcome, statuses };
  }

  #isFresh(content: string): boolean {
    const slice = this.#stored?.slice;
    return slice?.content === content && this.#options.nowMs() - Date.parse(slice.time) < RENEW_MS;
  }

  async #read(than: Stored | null = null): Promise<Stored | null> {
    const { cluster, store, signKey } = this.#options;
    const text = await store.get(sliceKey(cluster));
    if (text === null) return null;
    try {
      const slice = await decodeSlice(text, cluster, signKey === undefined ? [] : [signKey]);
      // A store may show for a while what was there before.
      const isOther = than === null || (slice.content !== than.slice.content && slice.time > than.slice.time);
      return isOther ? { slice, resources: await loadBuckets(store, slice.buckets) } : null;
    } catch (error) {
      // Damaged, or not signed by us: it is written anew, whole.
      if (error instanceof ProgramRejected) return null;
      throw error;
    }
  }

  /** Two clusters of one name would replace each other's resources again and again: what the other wrote is what may be lost. */
  async #lookForOther(): Promise<void> {
    const { cluster, onProblem } = this.#options;
    if (this.#stored === null || this.#stored === undefined) return;
    const other = await this.#read(this.#stored);
    if (other === null) return;
    this.#stored = other;
    onProblem(
      `another process writes ${sliceKey(cluster)} as well: give each cluster a name of its own, and the processes of one cluster a Lease`,
    );
  }

  /** With a change the values that the slice does not name yet; to renew it, those that the store has lost. */
  async #missing(values: readonly StoredValue[], before: Stored | null): Promise<readonly StoredValue[]> {
    const keys = values.map(({ key }) => key);
    const named = new Set(before === null ? [] : bucketKeys(before.slice));
    if (keys.some((key) => !named.has(key))) return values.filter(({ key }) => !named.has(key));
    const found = await getAll(this.#options.store, keys);
    return values.filter(({ key, value }) => found.get(key) !== value);
  }

  async #write(
    slice: Omit<StoredSlice, 'time' | 'signature'>,
    missing: readonly StoredValue[],
    { resources }: SliceContent,
  ): Promise<void> {
    const { store, signKey, nowMs } = this.#options;
    const time = new Date(nowMs()).toISOString();
    const sealed = await sealSlice(slice, time, signKey);
    // Should this fail in between, what the store holds is not known any more.
    this.#stored = undefined;
    if (missing.length > 0) await store.putMany(missing);
    await store.put(sealed.key, sealed.value);
    this.#stored = { slice: { ...slice, time }, resources };
  }

  async #outcome(content: string): Promise<StoredOutcome | null> {
    const { cluster, store } = this.#options;
    const text = await store.get(outcomeKey(cluster));
    if (text === null) return null;
    try {
      const outcome = decodeOutcome(text, cluster);
      return outcome.slice === content ? outcome : null;
    } catch (error) {
      if (error instanceof ProgramRejected) return null;
      throw error;
    }
  }

  async #tell({ own }: ClusterSnapshot, { resources }: SliceContent, outcome: StoredOutcome): Promise<StatusReport> {
    const { cluster, status, ...tools } = this.#options;
    if (status === null) return { written: 0, failed: 0 };
    const publication: Publication =
      outcome.withheld === null ? { state: 'live' } : { state: 'withheld', reason: outcome.withheld };
    const judge: Judge = (key) => {
      const judged = Object.hasOwn(outcome.resources, key) ? outcome.resources[key] : undefined;
      if (judged === undefined) return Object.hasOwn(resources, key) ? { state: 'accepted', findings: [] } : null;
      const { state, findings } = judged;
      return state === 'none' ? null : { state, findings: findings.map((one) => loadFinding(one, cluster)) };
    };
    return tellObjects(status, own, { judge, publication }, tools);
  }
}

/** Without the name of the cluster: a slice speaks of its own alone. */
function secretsInSlice({ secrets }: LookedAt, cluster: string): NonNullable<SliceContent['secrets']> {
  const prefix = `${cluster}/`;
  const own = Object.entries(secrets.states).filter(([set]) => set.startsWith(prefix) && set.split('/').length === 3);
  return Object.fromEntries(own.map(([set, state]) => [set.slice(prefix.length), state]));
}

/** An object that cannot be read is broken, not gone. */
function withUnreadable({ resources, findings }: SliceContent, before: Stored | null): AcceptedResources {
  const unreadable = findings.flatMap(({ severity, about }) => {
    const key = about === null ? '' : `${about.kind}/${about.namespace ?? ''}/${about.name}`;
    const entry = before !== null && Object.hasOwn(before.resources, key) ? before.resources[key] : undefined;
    return severity !== 'error' || entry === undefined ? [] : [[key, entry] as const];
  });
  return unreadable.length === 0 ? resources : { ...Object.fromEntries(unreadable), ...resources };
}
