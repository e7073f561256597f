/**
 * Leader election by a Lease (coordination.k8s.io/v1). Of several processes one at a time publishes and
 * writes status.
 *
 * Clocks of different machines are not compared: a lease counts as expired when this process has seen
 * no change of it for its whole duration. A holder stops acting well before others may take over.
 */
import { ApiError, type KubernetesApi } from './kubernetes-api.ts';
import type { Clock } from './clock.ts';

export type LeaseOptions = {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly namespace: string;
  readonly name: string;
  /** Unique per process, for example the name of its pod. */
  readonly identity: string;
  readonly onChange: (isLeader: boolean) => void;
  readonly onError: (message: string) => void;
};

/** How long a lease lasts without being renewed. Seconds, as the API has it. */
export const LEASE_SECONDS = 15;
const RENEW_MS = 3_000;
/** A holder that could not renew for this long acts no more. */
const ACT_MS = 10_000;

type LeaseSpec = {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
};
type Lease = {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string };
  readonly spec?: LeaseSpec;
};

export class LeaderElection {
  readonly #options: LeaseOptions;
  /** The lease as last seen, and since when it has looked like that. */
  #seen: { readonly text: string; readonly atMs: number } | null = null;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #wasLeader = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Ask before every write: true only while nobody else can have taken over. */
  get isLeader(): boolean {
    return this.#options.clock.nowMs() - this.#renewedMs < ACT_MS;
  }

  /** Until aborted; then gives the lease back, so that the next one need not wait. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onError } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#tryToHold(signal);
      } catch (error) {
        if (!signal.aborted) onError(`the lease could not be renewed: ${messageOf(error)}`);
      }
      this.#tell();
      await clock.sleep(RENEW_MS * (0.9 + 0.2 * clock.random()), signal);
    }
    await this.#release().catch((error: unknown) => onError(`the lease could not be released: ${messageOf(error)}`));
    this.#tell();
  }

  async #tryToHold(signal: AbortSignal): Promise<void> {
    const { clock, identity } = this.#options;
    // Time runs from before the request: others count from when they see it, which is later.
    const startedMs = clock.nowMs();
    const lease = await this.#read(signal);
    if (lease === null) {
      await this.#write('POST', null, signal);
      this.#renewedMs = startedMs;
      return;
    }
    const { spec = {} } = lease;
    const isOurs = spec.holderIdentity === identity;
    if (!isOurs && !this.#isExpired(spec, startedMs)) {
      this.#renewedMs = Number.NEGATIVE_INFINITY;
      return;
    }
    await this.#write('PUT', lease, signal);
    this.#renewedMs = startedMs;
  }

  #isExpired(spec: LeaseSpec, nowMs: number): boolean {
    if ((spec.holderIdentity ?? '') === '') return true;
    const text = JSON.stringify(spec);
    if (this.#seen?.text !== text) this.#seen = { text, atMs: nowMs };
    return nowMs - this.#seen.atMs >= (spec.leaseDurationSeconds ?? LEASE_SECONDS) * 1000;
  }

  async #read(signal: AbortSignal): Promise<Lease | null> {
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the API server checks Leases by its own schema
      return (await this.#options.api.request({ method: 'GET', path: this.#path(true) }, signal)) as Lease;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  /** The resourceVersion that was read makes the server refuse a write if another process was faster. */
  async #write(method: 'POST' | 'PUT', before: Lease | null, signal?: AbortSignal, holder?: string): Promise<void> {
    const { api, namespace, name, identity } = this.#options;
    const { spec = {} } = before ?? {};
    const now = new Date(this.#options.clock.nowMs()).toISOString().replace('Z', '000Z');
    const isNew = spec.holderIdentity !== identity;
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: before?.metadata ?? { name, namespace },
      spec: {
        holderIdentity: holder ?? identity,
        leaseDurationSeconds: holder === '' ? 1 : LEASE_SECONDS,
        acquireTime: isNew ? now : (spec.acquireTime ?? now),
        renewTime: now,
        leaseTransitions: (spec.leaseTransitions ?? 0) + (isNew && before !== null ? 1 : 0),
      },
    };
    await api.request({ method, path: this.#path(method === 'PUT'), body }, signal);
  }

  async #release(): Promise<void> {
    if (!this.isLeader) return;
    this.#renewedMs = Number.NEGATIVE_INFINITY;
    const lease = await this.#read(new AbortController().signal);
    if (lease?.spec?.holderIdentity === this.#options.identity) await this.#write('PUT', lease, undefined, '');
  }

  #path(named: boolean): string {
    const { namespace, name } = this.#options;
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
    return named ? `${leases}/${encodeURIComponent(name)}` : leases;
  }

  #tell(): void {
    const { isLeader } = this;
    if (isLeader === this.#wasLeader) return;
    this.#wasLeader = isLeader;
    this.#options.onChange(isLeader);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
