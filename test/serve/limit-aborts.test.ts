/**
 * Clients that go away while others wait. In workerd an RPC and a timer end with the request that made
 * them, and one request's RPC carries the calls of many.
 */
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LimitCheck } from '../../src/limits/limiter.ts';
import { startWorkerd, type WorkerdProcess } from '../bench/workerd-process.ts';
import { bundleLimitProbe } from './bundle-limit-probe.ts';

const OBJECT_DELAY_MS = 30;
const ROUNDS = 10;
/** Half of them go away while their call is on its way. */
const CLIENTS = 50;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
let probe: WorkerdProcess;
beforeAll(async () => {
  probe = await startWorkerd({
    code: await bundleLimitProbe(),
    folder,
    backends: {},
    objects: { RATE_LIMITS: 'RateLimitObject' },
    text: { OBJECT_DELAY_MS: String(OBJECT_DELAY_MS) },
  });
});
afterAll(async () => {
  await probe.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** The answer; null: the client went away first. */
function take(check: LimitCheck, goesAwayAfterMs: number | null): Promise<string | null> {
  const body = JSON.stringify([check]);
  return new Promise((resolve, reject) => {
    const socket = net.connect(probe.port, '127.0.0.1', () => {
      socket.write(`POST /take HTTP/1.1\r\nHost: probe\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      if (goesAwayAfterMs === null) return;
      setTimeout(() => {
        socket.resetAndDestroy();
        resolve(null);
      }, goesAwayAfterMs);
    });
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (!text.includes(']')) return;
      socket.destroy();
      resolve(text);
    });
    socket.on('error', reject);
  });
}

async function counts(): Promise<Record<string, number>> {
  return (await (await fetch(`http://127.0.0.1:${probe.port}/counts`)).json()) as Record<string, number>;
}

describe.each(['exact', 'leased'] as const)('%s', (mode) => {
  it('decides for all who stay, whoever goes away', async () => {
    const limit = { algorithm: 'token-bucket', rate: 100_000, periodMs: 3_600_000, burst: 100_000 } as const;
    const check: LimitCheck = { key: `${mode}|a`, limit, cost: 1, onFailure: 'open', budgetMs: 2_000, mode };
    const before = await counts();
    const answers: (string | null)[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const clients = Array.from({ length: CLIENTS }, (_, client) =>
        take(check, client % 2 === 0 ? (client * OBJECT_DELAY_MS) / CLIENTS : null),
      );
      answers.push(...(await Promise.all(clients)));
    }
    const stayed = answers.filter((answer) => answer !== null);
    expect(stayed.length).toBeGreaterThanOrEqual((ROUNDS * CLIENTS) / 2);
    for (const answer of stayed) expect(answer).toContain('"allowed":true');
    const { decided = 0, open, closed, rpcs = 0 } = await counts();
    expect({ open, closed }).toEqual({ open: 0, closed: 0 });
    expect(decided - (before['decided'] ?? 0)).toBeGreaterThanOrEqual(stayed.length);
    // They did share.
    expect(rpcs - (before['rpcs'] ?? 0)).toBeLessThan((ROUNDS * CLIENTS) / 4);
  });
});
