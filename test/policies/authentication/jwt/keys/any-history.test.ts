/** Whatever happens to a provider, and whenever requests come: what a key set promises holds. */
import * as fc from 'fast-check';
import type { JWK } from 'jose';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { RemoteKeys } from '../../../../../src/policies/authentication/jwt/keys/remote-keys.ts';
import {
  answering,
  failing,
  HOUR,
  JWKS,
  KeyStand,
  kidsOf,
  MINUTE,
  publicJwk,
  SECOND,
  useVirtualTime,
} from './key-stand.ts';

const MAX_STALE_MS = HOUR;
/** An attempt takes at most this. */
const TIMEOUT_MS = 5 * SECOND;

type Step =
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'request' }
  | { readonly kind: 'unknown'; readonly kid: number }
  | { readonly kind: 'provider'; readonly state: 'good' | 'gone' | 'silent' | 'empty' | 'html' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('pass' as const),
    ms: fc.oneof(
      fc.integer({ min: 0, max: 2_000 }),
      fc.integer({ min: 0, max: 100_000 }),
      fc.integer({ min: 0, max: HOUR }),
    ),
  }),
  { weight: 4, arbitrary: fc.constant({ kind: 'request' as const }) },
  fc.record({ kind: fc.constant('unknown' as const), kid: fc.nat(5) }),
  fc.record({
    kind: fc.constant('provider' as const),
    state: fc.constantFrom('good' as const, 'gone' as const, 'silent' as const, 'empty' as const, 'html' as const),
  }),
);

let jwks: readonly JWK[];
beforeAll(async () => {
  jwks = await Promise.all(Array.from({ length: 4 }, (_, index) => publicJwk(`key-${index}`)));
});
afterEach(() => {
  vi.useRealTimers();
});

/** One history. The provider's set changes at every good answer, so that the kid says when it was fetched. */
class History {
  readonly stand = new KeyStand([]);
  readonly keys: RemoteKeys;
  /** When the provider was asked for the set of this number. */
  readonly fetchedAtMs: number[] = [];
  #state: Extract<Step, { kind: 'provider' }>['state'] = 'good';

  constructor(random: number) {
    this.keys = new RemoteKeys(JWKS, this.stand.runtime, () => random);
    this.keys.join(this.stand.runtime, MAX_STALE_MS);
    this.stand.answer = () => this.#answer();
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const next of steps) {
      if (next.kind === 'pass') await vi.advanceTimersByTimeAsync(next.ms);
      else if (next.kind === 'provider') this.#state = next.state;
      else if (next.kind === 'request') await this.#check(() => this.keys.current(MAX_STALE_MS, this.stand.waitUntil));
      else await this.#check(() => this.keys.refreshed(`no-${next.kid}`, MAX_STALE_MS, this.stand.waitUntil));
      await this.stand.settleWithin(TIMEOUT_MS);
    }
    this.#checkAttempts();
  }

  #answer(): Response | Promise<Response> {
    switch (this.#state) {
      case 'good':
        this.fetchedAtMs.push(this.stand.asks.at(-1)?.atMs ?? 0);
        return answering({
          keys: [{ ...jwks[this.fetchedAtMs.length % 4], kid: `set-${this.fetchedAtMs.length - 1}` }],
        })();
      case 'silent':
        return new Promise(() => undefined);
      case 'empty':
        return answering({ keys: [] })();
      case 'html':
        return new Response('<html>', { headers: { 'content-type': 'text/html' } });
      default:
        return failing()();
    }
  }

  async #check(ask: () => ReturnType<RemoteKeys['current']>): Promise<void> {
    const begun = Date.now();
    const newest = this.fetchedAtMs.at(-1);
    let error: unknown = null;
    let kids: readonly (string | null)[] = [];
    const answer = Promise.resolve(ask()).then(
      (set) => (kids = kidsOf(set)),
      (reason: unknown) => (error = reason),
    );
    await this.stand.settleWithin(TIMEOUT_MS);
    await answer;
    if (error !== null) {
      expect(error).toMatchObject({ status: 503, code: 'jwks-unavailable' });
      // Refused only where nothing young enough was ever fetched, and the provider is no help now.
      if (newest !== undefined) expect(Date.now() - newest).toBeGreaterThanOrEqual(MAX_STALE_MS);
      expect(this.#failedSince(begun - MINUTE)).toBe(true);
      return;
    }
    const fetched = this.fetchedAtMs[Number(kids[0]?.slice(4))];
    if (fetched === undefined) throw new Error(`No set ${String(kids[0])} was ever given out.`);
    expect(begun - fetched).toBeLessThan(MAX_STALE_MS);
    // Older than ten minutes only while it is known, from the last two minutes, that there is no newer one.
    if (begun - fetched > 10 * MINUTE) expect(this.#failedSince(begun - 2 * MINUTE - TIMEOUT_MS)).toBe(true);
    // Never older than what another request has had.
    expect(fetched).toBeGreaterThanOrEqual(newest ?? 0);
  }

  #failedSince(ms: number): boolean {
    return this.stand.logged.some(({ event, atMs }) => event === 'jwks-refresh-failed' && atMs >= ms);
  }

  /** Attempts are bounded in every minute, and after a good one there is rest. */
  #checkAttempts(): void {
    const times = this.stand.asks.map(({ atMs }) => atMs);
    for (const [index, atMs] of times.entries()) {
      expect(times.filter((other) => other >= atMs && other < atMs + MINUTE).length).toBeLessThanOrEqual(6);
      const next = times[index + 1];
      if (this.fetchedAtMs.includes(atMs) && next !== undefined)
        expect(next - atMs).toBeGreaterThanOrEqual(30 * SECOND);
    }
  }
}

/** The set grows too old while a silent provider is waited for, and is then asked for by an unknown kid alone. */
const AT_THE_STALE_BOUND: Step[] = [
  { kind: 'request' },
  { kind: 'pass', ms: MAX_STALE_MS - TIMEOUT_MS - 1 },
  { kind: 'provider', state: 'silent' },
  { kind: 'unknown', kid: 1 },
  { kind: 'request' },
  { kind: 'unknown', kid: 1 },
];

describe('in any history', () => {
  it('a set is young enough, a refusal has its reason, and the provider is left in peace', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 0.5, 0.999), async (steps, random) => {
        useVirtualTime();
        await new History(random).run(steps);
      }),
      { numRuns: 300, examples: [[AT_THE_STALE_BOUND, 0.999]] },
    );
  });
});
