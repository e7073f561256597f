/**
 * The key set of one address, kept by one isolate.
 *
 * A request waits for the provider only while there is no set, or when the one there is has outlived
 * its time without anybody having tried to renew it. Renewal begins ahead of that. A provider that
 * cannot be asked costs nothing until the stale bound: the set it gave last goes on verifying.
 */
import type { PolicyRuntime } from '../../../contract.ts';
import { AbsentKids } from './absent-kids.ts';
import { askProvider, PROVIDER_TIMEOUT_MS, type RemoteAddress } from './ask-provider.ts';
import { fingerprintOf, importKeys, keySetOf, parseKeySet, type DroppedKey } from './import-key-set.ts';
import { KeySetError, keysUnavailable } from './key-set-error.ts';
import type { KeySet } from './key-source.ts';
import { AskSchedule, lifeMsOf, refreshAtMs } from './refresh-schedule.ts';
import { addressName, readShared, writeShared, type SharedKeySet } from './shared-key-set.ts';

export type RemotePorts = Pick<PolicyRuntime, 'ask' | 'askPublic' | 'log' | 'now' | 'shared'>;
type WaitUntil = (work: Promise<unknown>) => void;

type Held = {
  readonly set: KeySet;
  readonly fingerprint: string;
  readonly text: string;
  readonly fetchedAtMs: number;
  readonly refreshAtMs: number;
  /** From here on a request waits for a newer set, unless it is known that there is none to be had. */
  readonly expiresAtMs: number;
};

type Flight = { readonly done: Promise<void>; readonly startedAtMs: number };

/** Clocks of isolates differ a little; a set from further ahead would not be renewed for as long. */
const CLOCK_SKEW_MS = 60_000;
/** A flight whose request the runtime has ended never settles, so that nobody relies on it for longer. */
const FLIGHT_MS = PROVIDER_TIMEOUT_MS + 2_000;

export class RemoteKeys {
  readonly #address: RemoteAddress;
  readonly #name: string;
  readonly #random: () => number;
  readonly #absent = new AbsentKids();
  readonly #schedule: AskSchedule;
  #ports: RemotePorts;
  #keepMs = 0;
  #held: Held | null = null;
  #flight: Flight | null = null;
  #sharing: Promise<void> = Promise.resolve();

  /** @param random in [0, 1): spreads isolates, so that they do not ask all at once */
  constructor(address: RemoteAddress, ports: RemotePorts, random: () => number = Math.random) {
    this.#address = address;
    this.#name = addressName(address);
    this.#ports = ports;
    this.#random = random;
    this.#schedule = new AskSchedule(random);
  }

  /** A later program version brings ports with its own settings; the longest stale bound of all routes is what is kept. */
  join(ports: RemotePorts, maxStaleMs: number): void {
    this.#ports = ports;
    this.#keepMs = Math.max(this.#keepMs, maxStaleMs);
  }

  current(maxStaleMs: number, waitUntil: WaitUntil): KeySet | Promise<KeySet> {
    const held = this.#held;
    const now = this.#ports.now();
    if (held === null) return this.#awaited(maxStaleMs, waitUntil);
    if (now < held.refreshAtMs && now >= held.fetchedAtMs - CLOCK_SKEW_MS) return held.set;
    const isStale = now >= held.expiresAtMs || now < held.fetchedAtMs - CLOCK_SKEW_MS;
    if (isStale && (now >= held.fetchedAtMs + maxStaleMs || !this.#schedule.failedLately(now))) {
      return this.#awaited(maxStaleMs, waitUntil);
    }
    if (this.#flightNow(now) === null && this.#schedule.mayAsk(now)) waitUntil(this.#landed(this.#takeOff(now, null)));
    return held.set;
  }

  /** The cooldown is one for all kids, and any answer of the provider starts it. */
  refreshed(unknownKid: string, maxStaleMs: number, waitUntil: WaitUntil): KeySet | Promise<KeySet> {
    const held = this.#held;
    const now = this.#ports.now();
    if (held === null || now >= held.fetchedAtMs + maxStaleMs) return this.#awaited(maxStaleMs, waitUntil);
    if (has(held.set, unknownKid) || this.#absent.isKnown(unknownKid, now)) return held.set;
    if (this.#flightNow(now) !== null) return this.#awaited(maxStaleMs, waitUntil);
    if (!this.#schedule.mayAskForKid(now, held.fetchedAtMs)) return held.set;
    return this.#awaited(maxStaleMs, waitUntil, unknownKid);
  }

  async #awaited(maxStaleMs: number, waitUntil: WaitUntil, kid: string | null = null): Promise<KeySet> {
    const now = this.#ports.now();
    if (this.#flightNow(now) !== null || this.#schedule.mayAsk(now)) await this.#renew(waitUntil, kid);
    const held = this.#held;
    const after = this.#ports.now();
    if (held !== null && after < held.fetchedAtMs + maxStaleMs) {
      const isAnswered = held.fetchedAtMs >= now;
      if (kid !== null && isAnswered && !has(held.set, kid)) this.#absent.add(kid, after);
      return held.set;
    }
    const { failure } = this.#schedule;
    throw keysUnavailable(failure?.code ?? 'jwks-unavailable', this.#schedule.retryInMs(after), failure);
  }

  /** Resolves when there is an outcome, good or bad; joins whoever is asking already. */
  async #renew(waitUntil: WaitUntil, kid: string | null): Promise<void> {
    const now = this.#ports.now();
    const flight = this.#flightNow(now) ?? this.#takeOff(now, kid);
    waitUntil(this.#landed(flight));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const lost = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, flight.startedAtMs + FLIGHT_MS - now));
    });
    await Promise.race([flight.done, lost]).finally(() => {
      if (timer !== undefined) clearTimeout(timer);
    });
  }

  /** The runtime ends what a request began when that request ends, unless it is told of all of it. */
  async #landed({ done }: Flight): Promise<void> {
    await done;
    await this.#sharing;
  }

  #flightNow(now: number): Flight | null {
    const flight = this.#flight;
    return flight !== null && Math.abs(now - flight.startedAtMs) < FLIGHT_MS ? flight : null;
  }

  #takeOff(now: number, kid: string | null): Flight {
    const done = this.#load(now, kid).finally(() => {
      if (this.#flight === flight) this.#flight = null;
    });
    const flight: Flight = { done, startedAtMs: now };
    this.#flight = flight;
    return flight;
  }

  /** Never rejects: a failure is remembered in the schedule. */
  async #load(now: number, kid: string | null): Promise<void> {
    if (await this.#loadShared(now, kid)) return;
    this.#schedule.asked(now);
    try {
      const { text, lifeMs } = await askProvider(this.#address, this.#ports);
      const fetched = { text, fetchedAtMs: now, lifeMs: lifeMsOf(lifeMs) };
      await this.#take(fetched);
      this.#schedule.succeeded();
      // Not part of the wait: the others profit, this request does not.
      this.#sharing = writeShared(this.#ports.shared, this.#name, fetched, this.#keepMs);
    } catch (error) {
      const failure = error instanceof KeySetError ? error : new KeySetError('internal', 'jwks-unavailable', error);
      this.#schedule.failed(this.#ports.now(), failure, this.#held !== null);
      this.#logFailure(failure);
    }
  }

  /** True when another isolate has asked lately enough that the provider need not be asked again. */
  async #loadShared(now: number, kid: string | null): Promise<boolean> {
    const shared = await readShared(this.#ports.shared, this.#name);
    if (shared === null || shared.fetchedAtMs > now + CLOCK_SKEW_MS) return false;
    if (shared.fetchedAtMs <= (this.#held?.fetchedAtMs ?? now - this.#keepMs)) return false;
    try {
      await this.#take({ ...shared, lifeMs: lifeMsOf(shared.lifeMs) });
    } catch {
      // Whatever is wrong with it, the provider is asked.
      return false;
    }
    const held = this.#held;
    if (held === null || now >= held.refreshAtMs) return false;
    return kid === null || has(held.set, kid) || !this.#schedule.mayAskForKid(now, held.fetchedAtMs);
  }

  /** Throws KeySetError when the text holds no usable key; what is held then stays as it is. */
  async #take({ text, fetchedAtMs, lifeMs }: SharedKeySet): Promise<void> {
    const { set, fingerprint } = await this.#read(text);
    // A flight that was given up may still land, after a later one.
    if (this.#held !== null && this.#held.fetchedAtMs > fetchedAtMs) return;
    this.#held = {
      set,
      fingerprint,
      text,
      fetchedAtMs,
      refreshAtMs: refreshAtMs(fetchedAtMs, lifeMs, this.#random()),
      expiresAtMs: fetchedAtMs + lifeMs,
    };
  }

  async #read(text: string): Promise<Pick<Held, 'set' | 'fingerprint'>> {
    const held = this.#held;
    if (held?.text === text) return held;
    const jwks = parseKeySet(text);
    if (typeof jwks === 'string') throw new KeySetError(jwks);
    const { keys, dropped } = await importKeys(jwks);
    logDropped(this.#ports, this.#place(), dropped);
    if (keys.length === 0) throw new KeySetError('no-usable-key');
    const fingerprint = fingerprintOf(keys);
    if (held?.fingerprint === fingerprint) return held;
    const set = keySetOf(keys);
    const kids = new Set(keys.map(({ kid }) => kid?.slice(0, 64) ?? null));
    this.#ports.log('jwks-changed', { address: this.#place(), kids: [...kids] });
    return { set, fingerprint };
  }

  #logFailure({ reason, cause }: KeySetError): void {
    const held = this.#held;
    this.#ports.log('jwks-refresh-failed', {
      address: this.#place(),
      reason,
      ...(cause instanceof Error && { cause: cause.message }),
      /** How old the set is that goes on verifying; null: there is none, requests get 503. */
      servesSetOfAgeMs: held === null ? null : this.#ports.now() - held.fetchedAtMs,
    });
  }

  /** Without the query, which may hold a key of the provider's. */
  #place(): string {
    const { target, path } = this.#address;
    return target.origin + (path.split('?', 1)[0] ?? '');
  }
}

/** One line for all keys of a set: a provider must not be able to fill the log. */
export function logDropped({ log }: Pick<RemotePorts, 'log'>, address: string, dropped: readonly DroppedKey[]): void {
  if (dropped.length === 0) return;
  log('jwks-keys-dropped', { address, count: dropped.length, keys: dropped.slice(0, 20) });
}

function has({ keys }: KeySet, kid: string): boolean {
  return keys.some((key) => key.kid === kid);
}
