/** A provider in virtual time: it answers as told, counts who asks, and never touches a network. */
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { vi } from 'vitest';
import type { Json } from '../../../../../src/model/route-model.ts';
import type { PolicyRuntime, SharedTexts } from '../../../../../src/policies/contract.ts';
import type { RemoteAddress } from '../../../../../src/policies/authentication/jwt/keys/ask-provider.ts';
import type { KeySet } from '../../../../../src/policies/authentication/jwt/keys/key-source.ts';
import { runtimeOf } from '../../../chain.ts';

export const START_MS = Date.UTC(2026, 0, 1);
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;

export const JWKS: RemoteAddress = {
  kind: 'jwks',
  target: { upstream: 'https/idp.test', origin: 'https://idp.test', via: { kind: 'binding' } },
  path: '/jwks',
  maxStaleMs: 24 * HOUR,
};

export const DISCOVERY: RemoteAddress = {
  ...JWKS,
  kind: 'discovery',
  path: '/.well-known/openid-configuration',
  issuer: 'https://idp.test',
};

/** Real clocks for what is computed, a virtual one for what is waited for. */
export function useVirtualTime(): void {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: START_MS });
}

export async function publicJwk(kid: string | null, algorithm = 'ES256'): Promise<JWK> {
  const { publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { ...(await exportJWK(publicKey)), ...(kid !== null && { kid }), alg: algorithm, use: 'sig' };
}

type Answer = () => Response | Promise<Response>;

export class KeyStand {
  readonly asks: { readonly atMs: number; readonly url: string }[] = [];
  readonly logged: {
    readonly event: string;
    readonly fields: Readonly<Record<string, Json>>;
    readonly atMs: number;
  }[] = [];
  readonly runtime: PolicyRuntime;
  latencyMs = 0;
  answer: Answer;
  readonly #background: Promise<unknown>[] = [];

  constructor(keys: readonly object[], ports: Partial<PolicyRuntime> = {}) {
    this.answer = answering({ keys });
    const ask = (url: string, { signal }: RequestInit): Promise<Response> => {
      this.asks.push({ atMs: Date.now(), url });
      return new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('aborted')));
        const answer = this.answer;
        const settle = (): void => void Promise.resolve().then(answer).then(resolve, reject);
        if (this.latencyMs === 0) settle();
        else setTimeout(settle, this.latencyMs);
      });
    };
    this.runtime = runtimeOf({
      now: Date.now,
      ask: ({ origin }, path, init) => ask(origin + path, init),
      askPublic: ask,
      log: (event, fields) => this.logged.push({ event, fields, atMs: Date.now() }),
      ...ports,
    });
  }

  readonly waitUntil = (work: Promise<unknown>): void => void this.#background.push(work);

  /** Whatever was begun beside requests has come to its end. */
  async settle(): Promise<void> {
    while (this.#background.length > 0) await Promise.all(this.#background.splice(0));
  }

  /** The same where it may take a while of the virtual time; no more passes than is needed. */
  async settleWithin(ms: number): Promise<void> {
    const state = { isOver: false };
    const over = this.settle().then(() => (state.isOver = true));
    // Importing keys takes real turns of the event loop, which no clock of ours moves on.
    for (let turn = 0; turn < 20 && !state.isOver; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    if (!state.isOver) await vi.advanceTimersByTimeAsync(ms);
    await over;
  }

  reasons(event = 'jwks-refresh-failed'): readonly (Json | undefined)[] {
    return this.logged.filter((line) => line.event === event).map(({ fields }) => fields['reason']);
  }
}

export function answering(body: object, headers: Record<string, string> = {}): Answer {
  return () => Response.json(body, { headers });
}

export function failing(message = 'connection refused'): Answer {
  return () => Promise.reject(new Error(message));
}

export function kidsOf({ keys }: KeySet): readonly (string | null)[] {
  return [...new Set(keys.map(({ kid }) => kid))];
}

/** What isolates of one place share. */
export class MemoryTexts implements SharedTexts {
  readonly texts = new Map<string, string>();
  readonly seconds: number[] = [];

  get(name: string): Promise<string | null> {
    return Promise.resolve(this.texts.get(name) ?? null);
  }

  put(name: string, text: string, seconds: number): Promise<void> {
    this.texts.set(name, text);
    this.seconds.push(seconds);
    return Promise.resolve();
  }
}
