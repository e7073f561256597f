/**
 * Whether the time of a refusal tells a guesser that his key begins like somebody's. A measurement, for a
 * quiet machine: `KEY_TIMINGS=100000 npx vitest run test/auth/key-timing.test.ts`.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { crc32 } from '../../src/keys/crc32.ts';
import { apiKeyEnvironment, generateApiKey } from '../../src/keys/api-key.ts';
import { encodeApiKeyRecord } from '../../src/keys/api-key-record.ts';
import { apiKeyName, generateKeyId } from '../../src/keys/key-names.ts';
import { startProtectedStand, type ProtectedStand } from './protected-stand.ts';
import { sendAll } from './request-pool.ts';

const SAMPLES = Number(process.env['KEY_TIMINGS'] ?? 0);
/** Two distributions of one mean give a larger |t| once in 150,000 times. */
const LIMIT = 4.5;

let stand: ProtectedStand;
let key: string;

beforeAll(async () => {
  if (SAMPLES === 0) return;
  stand = await startProtectedStand({
    config: {
      authentication: { keys: { apiKey: {} } },
      routes: [{ name: 'keys', path: '/keys/', backend: 'BACKEND', policies: { auth: 'keys' } }],
    },
    records: false,
  });
  key = generateApiKey('live');
  const dates = { createdAt: '2026-01-01T00:00:00.000Z', expiresAt: null, revokedAt: null };
  const who = { id: generateKeyId(), consumer: 'acme', plan: null, env: 'live', metadata: {} } as const;
  fs.writeFileSync(path.join(stand.keysFolder, await apiKeyName(key)), encodeApiKeyRecord({ v: 1, ...who, ...dates }));
});
afterAll(async () => {
  if (SAMPLES > 0) await stand.close();
});

/** Right in form, and all but its last four random characters those of the real key. */
function neighbour(): string {
  const body = key.slice(0, -11) + generateApiKey('live').slice(8, 12);
  return `${body}_${checksum(body)}`;
}

function checksum(body: string): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let rest = crc32(body);
  let text = '';
  for (let position = 0; position < 6; position += 1) {
    text = (digits[rest % 62] ?? '') + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

it.skipIf(SAMPLES === 0)(
  'takes no longer and no shorter than with any other key',
  async () => {
    expect(apiKeyEnvironment(neighbour())).toBe('live');
    const times: { readonly near: number[]; readonly far: number[] } = { near: [], far: [] };
    let sent = 0;
    await sendAll(stand.port, 1, () => {
      if (sent === SAMPLES + 2_000) return null;
      sent += 1;
      // By chance, so that nothing periodic falls on one of the two; the first ones are for warming up.
      const isNear = Math.random() < 0.5;
      const counts = sent > 2_000;
      // The same work for both, and before the clock runs.
      const [near, far] = [neighbour(), generateApiKey('live')];
      const bytes = `GET /keys/x HTTP/1.1\r\nHost: gateway.test\r\nX-Api-Key: ${isNear ? near : far}\r\n\r\n`;
      const begun = performance.now();
      return {
        bytes,
        answered: (answer) => {
          expect(answer?.status).toBe(401);
          if (counts) times[isNear ? 'near' : 'far'].push(performance.now() - begun);
        },
      };
    });
    const t = welch(withoutSlowest(times.near), withoutSlowest(times.far));
    process.stdout.write(
      `api key timing: ${times.near.length} near, ${times.far.length} far, Welch's t ${t.toFixed(2)}\n`,
    );
    expect(Math.abs(t)).toBeLessThan(LIMIT);
  },
  600_000,
);

/** What the machine did meanwhile says nothing about keys. */
function withoutSlowest(times: readonly number[]): readonly number[] {
  return times.toSorted((a, b) => a - b).slice(0, Math.floor(times.length * 0.95));
}

function welch(a: readonly number[], b: readonly number[]): number {
  const [first, second] = [momentsOf(a), momentsOf(b)];
  return (first.mean - second.mean) / Math.sqrt(first.variance / a.length + second.variance / b.length);
}

function momentsOf(values: readonly number[]): { readonly mean: number; readonly variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, variance };
}
