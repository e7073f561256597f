/** Key sources against a real identity provider over real connections; only the date is ours. */
import { compactVerify, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PolicyRuntime } from '../../src/policies/contract.ts';
import { createKeySource } from '../../src/policies/authentication/jwt/keys/create-key-source.ts';
import type { CompiledKeys, KeySet, KeySource } from '../../src/policies/authentication/jwt/keys/key-source.ts';
import { runtimeOf } from '../policies/chain.ts';
import { startIdentityProvider, type FailMode, type IdentityProvider } from './identity-provider.ts';

const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;

let provider: IdentityProvider;
let runtime: PolicyRuntime;
let reasons: unknown[];
let background: Promise<unknown>[];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  provider = await startIdentityProvider();
  reasons = [];
  background = [];
  runtime = runtimeOf({
    now: Date.now,
    ask: ({ origin }, path, init) => fetch(origin + path, { ...init, redirect: 'manual' }),
    log: (event, { reason }) => void (event === 'jwks-refresh-failed' && reasons.push(reason)),
  });
});
afterEach(async () => {
  await Promise.all(background);
  await provider.close();
  vi.useRealTimers();
});

const waitUntil = (work: Promise<unknown>): void => void background.push(work);

function keysOf(kind: 'jwks' | 'discovery'): CompiledKeys {
  const { issuer } = provider;
  const target = { upstream: 'idp', origin: issuer, via: { kind: 'binding' } } as const;
  if (kind === 'jwks') return { kind, target, path: '/jwks', maxStaleMs: DAY };
  return { kind, target, path: '/.well-known/openid-configuration', issuer, maxStaleMs: DAY };
}

async function pass(ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await Promise.all(background.splice(0));
}

/** As a verifier would: by kid and algorithm, and once more after asking for a kid that is not there. */
async function accepts(source: KeySource, token: string): Promise<boolean> {
  const { kid = '', alg = '' } = decodeProtectedHeader(token);
  let set: KeySet = await source.current(waitUntil);
  if (!set.keys.some((key) => key.kid === kid)) set = await source.refreshed(kid, waitUntil);
  const key = set.keys.find((one) => one.kid === kid && one.algorithms.includes(alg));
  if (key === undefined) return false;
  await compactVerify(token, key.key, { algorithms: [alg] });
  return true;
}

const issue = (algorithm: 'RS256' | 'PS256' | 'ES256' = 'RS256'): Promise<string> =>
  provider.issueToken({ audience: 'https://api.test', algorithm });

describe.each(['jwks', 'discovery'] as const)('a source by %s', (kind) => {
  it('verifies what the provider issues', async () => {
    const source = createKeySource(keysOf(kind), runtime);
    for (const algorithm of ['RS256', 'PS256', 'ES256'] as const) {
      expect(await accepts(source, await issue(algorithm))).toBe(true);
    }
    expect(provider.requests).toMatchObject({ discovery: kind === 'jwks' ? 0 : 1, jwks: 1 });
  });

  it('takes rotated keys up at once, and lets the old ones go within ten minutes', async () => {
    const source = createKeySource(keysOf(kind), runtime);
    const old = await issue('ES256');
    expect(await accepts(source, old)).toBe(true);
    await pass(MINUTE);
    provider.rotate({ keepOld: true });
    expect(await accepts(source, await issue())).toBe(true);
    expect(await accepts(source, old)).toBe(true);
    provider.rotate();
    await pass(10 * MINUTE);
    expect(await accepts(source, await issue('ES256'))).toBe(true);
    expect(await accepts(source, old)).toBe(false);
  });

  it('refuses no valid token in 30 minutes of outage', async () => {
    const source = createKeySource(keysOf(kind), runtime);
    const tokens = [await issue('RS256'), await issue('ES256')];
    for (const token of tokens) expect(await accepts(source, token)).toBe(true);
    const modes: readonly FailMode[] = ['status-500', 'reset', 'html', 'huge', 'empty', 'redirect', 'invalid-json'];
    let refused = 0;
    for (let second = 0; second < 1_800; second += 1) {
      provider.fail(modes[Math.floor(second / 60) % modes.length] ?? null);
      for (const token of tokens) if (!(await accepts(source, token))) refused += 1;
      await pass(SECOND);
    }
    expect(refused).toBe(0);
    expect(reasons.length).toBeGreaterThan(15);
    provider.fail(null);
    provider.rotate();
    await pass(2 * MINUTE);
    expect(await accepts(source, await issue())).toBe(true);
  });
});

describe('a provider that fails from the start', () => {
  it.each<readonly [FailMode, string]>([
    ['status-500', 'status-500'],
    ['reset', 'unreachable'],
    ['html', 'html'],
    ['huge', 'too-large'],
    ['empty', 'empty-set'],
    ['redirect', 'redirect'],
    ['invalid-json', 'invalid-json'],
    ['slow', 'timeout'],
  ])('%s: 503, and works once it does', async (mode, reason) => {
    const source = createKeySource(keysOf('jwks'), runtime);
    provider.fail(mode, { slowMs: 60_000 });
    await expect(source.current(waitUntil)).rejects.toMatchObject({ status: 503, code: 'jwks-unavailable' });
    expect(reasons).toEqual([reason]);
    provider.fail(null);
    await pass(3 * SECOND);
    expect(await accepts(source, await issue())).toBe(true);
  });
});
