/**
 * Whom limits would have refused: the requests of an access log, decided by the gateway's own code at
 * the log's own times.
 */
import { canonicalizePath } from '../gateway/canonical-path.ts';
import { canonicalPeer } from '../gateway/ip-address.ts';
import { GatewayError } from '../diagnostics/errors.ts';
import { SLOT_RENEWAL_MS, type Check, type LimitCall } from '../limits/calls.ts';
import { idleAtMs, Ledger } from '../limits/ledger.ts';
import type { Json } from '../model/route-model.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import type { Consumer } from '../policies/contract.ts';
import type { CompiledLimit, CompiledRateLimit } from '../policies/rate-limit/compiled.ts';
import { selectLimits, type LimitedRequest, type SelectedLimit } from '../policies/rate-limit/select.ts';
import type { AccessEntry } from './entry.ts';
import { ForgetfulStore } from './forgetful-store.ts';
import { KeyTable } from './key-figures.ts';
import { TimeQueue } from './time-queue.ts';

/** Hours whose figures are kept, enough for eleven years. */
const MAX_HOURS = 100_000;

export type HourFigures = { readonly hourMs: number; readonly requests: number; readonly refused: number };

export type PlanCounts = {
  readonly requests: number;
  /** Requests that no limit concerns, by pattern or condition or because a part of the key is missing. */
  readonly unconcerned: number;
  /** Refused by something else, before any limit: a path that no gateway takes, a key that must be there. */
  readonly invalid: number;
  readonly refused: number;
  /** Began before what was decided already: decided at that time, a little late. */
  readonly late: number;
  /** A concurrency limit concerned them and the log does not say how long they took: as if they ended at once. */
  readonly withoutDuration: number;
};

type SlotEvent = {
  readonly kind: 'renew' | 'free';
  readonly checks: readonly Check[];
  readonly slot: string;
  readonly endMs: number;
};

export class LimitPlan {
  readonly keys = new KeyTable();
  readonly hours: HourFigures[] = [];
  /** Names of limits → requests that each of them refused. */
  readonly refusedBy = new Map<string, number>();
  readonly counts: { -readonly [Name in keyof PlanCounts]: PlanCounts[Name] };
  firstMs: number | null = null;
  lastMs: number | null = null;

  readonly #config: CompiledRateLimit;
  readonly #store = new ForgetfulStore(idleAtMs);
  readonly #ledger = new Ledger(this.#store);
  /** Slots that requests hold, and when something is to be done about them. */
  readonly #slots = new TimeQueue<SlotEvent>();
  #nowMs = 0;
  #slotsTaken = 0;

  constructor(config: CompiledRateLimit) {
    this.#config = config;
    this.counts = { requests: 0, unconcerned: 0, invalid: 0, refused: 0, late: 0, withoutDuration: 0 };
  }

  /** Entries in the order of their times; see in-order.ts. A promise only where a key must be hashed. */
  add(entry: AccessEntry): void | Promise<void> {
    const { counts } = this;
    counts.requests += 1;
    if (entry.atMs < this.#nowMs) counts.late += 1;
    this.#nowMs = Math.max(this.#nowMs, entry.atMs);
    this.firstMs ??= this.#nowMs;
    this.lastMs = this.#nowMs;
    const request = limitedRequest(entry);
    const selection = request === null ? null : selectLimits(this.#config, request);
    if (selection === null || selection.refusal !== null) {
      counts.invalid += 1;
      return this.#count(false);
    }
    const { selected } = selection;
    const keys: string[] = [];
    for (const { key } of selected) {
      if (typeof key === 'string') keys.push(key);
      else
        return Promise.all(selected.map(({ key }) => Promise.resolve(key))).then((keys) =>
          this.#decide(entry, selected, keys),
        );
    }
    this.#decide(entry, selected, keys);
  }

  #decide(entry: AccessEntry, selected: readonly SelectedLimit[], keys: readonly string[]): void {
    const nowMs = this.#nowMs;
    if (selected.length === 0) {
      this.counts.unconcerned += 1;
      return this.#count(false);
    }
    this.#endSlots(nowMs);
    this.#store.forget(nowMs);
    const checks = selected.map(({ limit }, index) => checkOf(limit, keys[index] ?? '', entry));
    const held = checks.filter(({ limit }) => limit.algorithm === 'concurrency');
    const slot = held.length === 0 ? null : this.#nextSlot();
    const { outcomes } = this.#ledger.decide({ kind: 'take', checks, slot }, nowMs);
    let isRefused = false;
    for (const [index, { limit }] of selected.entries()) {
      const outcome = outcomes[index];
      const isAllowed = outcome !== undefined && outcome !== null && 'allowed' in outcome && outcome.allowed;
      this.keys.add(keys[index] ?? '', nowMs, !isAllowed);
      if (isAllowed) continue;
      isRefused = true;
      this.refusedBy.set(limit.label, (this.refusedBy.get(limit.label) ?? 0) + 1);
    }
    if (slot !== null) this.#holdSlot(entry, held, slot, isRefused);
    this.#count(isRefused);
  }

  #count(isRefused: boolean): void {
    if (isRefused) this.counts.refused += 1;
    const hourMs = this.#nowMs - (this.#nowMs % 3_600_000);
    const last = this.hours.at(-1);
    const more = { requests: 1, refused: isRefused ? 1 : 0 };
    if (last?.hourMs === hourMs) {
      this.hours[this.hours.length - 1] = {
        hourMs,
        requests: last.requests + more.requests,
        refused: last.refused + more.refused,
      };
    } else if (this.hours.length < MAX_HOURS) this.hours.push({ hourMs, ...more });
  }

  #holdSlot({ durationMs }: AccessEntry, checks: readonly Check[], slot: string, isRefused: boolean): void {
    if (durationMs === null) this.counts.withoutDuration += 1;
    if (isRefused) return;
    const endMs = this.#nowMs + (durationMs ?? 0);
    this.#later({ kind: 'free', checks, slot, endMs });
  }

  #nextSlot(): string {
    this.#slotsTaken += 1;
    return String(this.#slotsTaken);
  }

  /** Ends what has ended, and renews what goes on as the gateway does: a slot is lost after a while without. */
  #endSlots(nowMs: number): void {
    while (this.#slots.nextMs <= nowMs) {
      const atMs = this.#slots.nextMs;
      const event = this.#slots.pop();
      if (event === undefined) return;
      const { kind, checks, slot } = event;
      this.#ledger.decide({ kind, checks, slot } satisfies LimitCall, atMs);
      if (kind === 'renew') this.#later(event, atMs);
    }
  }

  #later(event: SlotEvent, fromMs = this.#nowMs): void {
    const renewMs = fromMs + SLOT_RENEWAL_MS;
    const isRenewed = renewMs < event.endMs;
    this.#slots.push(isRenewed ? renewMs : event.endMs, { ...event, kind: isRenewed ? 'renew' : 'free' });
  }
}

/** What limits look at. null: the gateway refuses the path before any limit. */
function limitedRequest(entry: AccessEntry): LimitedRequest | null {
  const { path, query } = targetOf(entry.target ?? '/');
  if (path === null) return null;
  const headers = new Headers();
  for (const [name, value] of Object.entries(entry.others))
    if (name.startsWith('header:')) setHeader(headers, name.slice('header:'.length), value);
  return {
    facts: {
      requestId: '',
      method: entry.method ?? 'GET',
      authority: (entry.host ?? '').toLowerCase(),
      path,
      query,
      clientIp: canonicalPeer(entry.address ?? '') ?? entry.address ?? '',
      place: { country: entry.country, continent: null, region: null, asn: null },
      headers,
    },
    consumer: consumerOf(entry),
    routeId: entry.route ?? '',
  };
}

/** Whoever the log names. Where a key has no part of an API key it counts as a user of a token. */
function consumerOf({ apiKey, consumer, others }: AccessEntry): Consumer | null {
  const claims: Record<string, Json> = {};
  for (const [name, value] of Object.entries(others))
    if (name.startsWith('claim:')) setClaim(claims, name.slice('claim:'.length).split('.'), value);
  const id = apiKey ?? consumer;
  if (id === null && Object.keys(claims).length === 0) return null;
  const kind = apiKey === null ? 'jwt' : 'api-key';
  return { id: id ?? '', kind, issuer: null, plan: null, scopes: [], claims };
}

/** The names come from the limit, never from the log. */
function setClaim(claims: Record<string, Json>, [name = '', ...below]: readonly string[], value: string): void {
  if (below.length === 0) {
    claims[name] = value;
    return;
  }
  const inner: Record<string, Json> = {};
  const there = claims[name];
  if (typeof there === 'object' && there !== null && !Array.isArray(there)) Object.assign(inner, there);
  claims[name] = inner;
  setClaim(inner, below, value);
}

function targetOf(target: string): { readonly path: string | null; readonly query: string | null } {
  const relative = target.replace(/^https?:\/\/[^/?]*/i, '');
  const mark = relative.indexOf('?');
  const raw = mark < 0 ? relative : relative.slice(0, mark);
  const query = mark < 0 ? null : relative.slice(mark + 1);
  try {
    return { path: canonicalizePath(raw === '' ? '/' : raw, DEFAULT_SETTINGS.paths), query };
  } catch (error) {
    if (error instanceof GatewayError) return { path: null, query };
    throw error;
  }
}

/** A logged value may be what no header can hold; such a one is missing. */
function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    // Not a header after all.
  }
}

function checkOf({ limit, cost }: CompiledLimit, key: string, { others }: AccessEntry): Check {
  const text = cost?.header === undefined ? undefined : others[`header:${cost.header.toLowerCase()}`];
  const written = text !== undefined && /^[1-9]\d{0,6}$/.test(text) ? Number(text) : 1;
  return {
    key,
    limit,
    cost: cost === undefined || written > cost.maxCost ? 1 : written,
    onFailure: 'closed',
    budgetMs: 0,
  };
}
