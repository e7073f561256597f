/** Key sets that cannot be had, change, or are asked for in vain, through the whole gateway and a clock that is moved. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64Url, makeKey, sign, type SigningKey } from '../policies/authentication/jwt/jwt-stand.ts';
import { AUDIENCE, goodClaims, ISSUER, nowS, setOf } from './attack-stand.ts';
import { CLOCK_HEADER } from './bundle-clocked-worker.ts';
import { startKeySetServer, type KeySetServer } from './key-set-server.ts';
import { send, startProtectedStand, type Answered, type ProtectedStand } from './protected-stand.ts';
import { sendAll } from './request-pool.ts';

const NAMES = ['cold', 'slow', 'rotates', 'loses', 'empties', 'old', 'flood'] as const;
const MINUTE_S = 60;
/** `FLOOD_KIDS`: how many. */
const FLOOD = Number(process.env['FLOOD_KIDS'] ?? 20_000);

let provider: KeySetServer;
let stand: ProtectedStand;
let key: SigningKey;
let next: SigningKey;
let token: string;

beforeAll(async () => {
  [key, next] = await Promise.all([makeKey('ES256', { kid: 'first' }), makeKey('ES256', { kid: 'second' })]);
  token = await tokenBy(key);
  provider = await startKeySetServer();
  stand = await startProtectedStand({
    config: {
      authentication: Object.fromEntries(
        NAMES.map((name) => [
          name,
          { jwt: { issuer: ISSUER, audience: AUDIENCE, jwksURI: `${provider.url}/${name}`, maxStaleMs: 86_400_000 } },
        ]),
      ),
      routes: NAMES.map((name) => ({ name, path: `/${name}/`, backend: 'BACKEND', policies: { auth: name } })),
    },
    movesClock: true,
  });
});
afterAll(async () => {
  await stand.close();
  provider.close();
});

/** Beyond every journey of the clock. */
function lasting(): object {
  return goodClaims({ exp: nowS() + 30 * 86_400 });
}

function tokenBy(signer: SigningKey): Promise<string> {
  return sign(signer, lasting());
}

const get = (name: string, bearer = token): Promise<Answered> =>
  send(stand.port, { path: `/${name}/x`, headers: { authorization: `Bearer ${bearer}` } });
const outcome = async (name: string, bearer = token): Promise<string> => {
  const before = stand.arrived.length;
  const { status, code } = await get(name, bearer);
  expect(stand.arrived.length - before).toBe(status === 200 ? 1 : 0);
  return code === null ? String(status) : `${status} ${code}`;
};

async function pass(seconds: number): Promise<void> {
  const answer = await send(stand.port, { path: '/', headers: { [CLOCK_HEADER]: String(seconds * 1_000) } });
  expect(answer.status).toBe(200);
}

/** Right in everything but the key, else the key would not matter. */
function strangers(count: number): readonly string[] {
  const claims = base64Url(JSON.stringify(lasting()));
  const signature = base64Url(randomBytes(64));
  return Array.from({ length: count }, (_, index) => {
    const header = base64Url(JSON.stringify({ alg: 'ES256', kid: `nobody-${index}` }));
    return `${header}.${claims}.${signature}`;
  });
}

describe('no set yet', () => {
  it('is 503 with Retry-After, for good tokens and for nobody else, and works by itself afterwards', async () => {
    const answer = await get('cold');
    expect(answer).toMatchObject({ status: 503, code: 'jwks-unavailable' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(await outcome('cold', await sign(key, goodClaims({ aud: 'other' })))).toBe('401 token-invalid');
    expect(await outcome('cold', 'no.to.ken')).toBe('401 token-invalid');
    for (let attempt = 0; attempt < 50; attempt += 1) expect(await outcome('cold')).toBe('503 jwks-unavailable');
    expect(provider.requests('/cold')).toBe(1);
    provider.serve('/cold', setOf(key.jwk));
    await pass(3);
    expect(await outcome('cold')).toBe('200');
  });

  it('that comes slowly is waited for by all, once', async () => {
    provider.serve('/slow', setOf(key.jwk), 400);
    expect(await Promise.all(Array.from({ length: 30 }, () => get('slow').then(({ status }) => status)))).toEqual(
      Array.from({ length: 30 }, () => 200),
    );
    expect(provider.requests('/slow')).toBe(1);
    // From here on nobody waits, however slowly it comes.
    provider.serve('/slow', null);
    await pass(9 * MINUTE_S);
    expect(await outcome('slow')).toBe('200');
  });
});

describe('a set that changes', () => {
  it('a new key is found by the first token of it, at one request', async () => {
    provider.serve('/rotates', setOf(key.jwk));
    const young = await tokenBy(next);
    expect([await outcome('rotates'), await outcome('rotates', young)]).toEqual(['200', '401 token-invalid']);
    provider.serve('/rotates', setOf(key.jwk, next.jwk));
    // Within the cooldown nobody is asked.
    expect(await outcome('rotates', young)).toBe('401 token-invalid');
    expect(provider.requests('/rotates')).toBe(1);
    await pass(MINUTE_S + 1);
    expect(await outcome('rotates', young)).toBe('200');
    expect(await outcome('rotates')).toBe('200');
    expect(provider.requests('/rotates')).toBe(2);
  });

  it('a key that is gone stops within ten minutes, for tokens that were verified before too', async () => {
    provider.serve('/loses', setOf(key.jwk, next.jwk));
    const other = await tokenBy(next);
    expect([await outcome('loses'), await outcome('loses', other)]).toEqual(['200', '200']);
    provider.serve('/loses', setOf(next.jwk));
    await pass(10 * MINUTE_S);
    expect(await outcome('loses')).toBe('401 token-invalid');
    expect(await outcome('loses', await tokenBy(key))).toBe('401 token-invalid');
    expect(await outcome('loses', other)).toBe('200');
  });

  it('one that becomes empty or unusable is an outage: what was there goes on', async () => {
    provider.serve('/empties', setOf(key.jwk));
    expect(await outcome('empties')).toBe('200');
    const nothing = [setOf(), setOf({ kty: 'oct', k: 'AAAA' }), { error: 'none' }, 'text', null];
    for (const document of nothing) {
      provider.serve('/empties', document);
      await pass(10 * MINUTE_S);
      expect([document, await outcome('empties')]).toEqual([document, '200']);
    }
    expect(provider.requests('/empties')).toBe(1 + nothing.length);
  });

  it('is believed for 24 hours of outage, and no longer', async () => {
    provider.serve('/old', setOf(key.jwk));
    expect(await outcome('old')).toBe('200');
    provider.serve('/old', null);
    await pass(23 * 60 * MINUTE_S);
    expect(await outcome('old')).toBe('200');
    await pass(61 * MINUTE_S);
    expect(await outcome('old')).toBe('503 jwks-unavailable');
    expect(await outcome('old', `${token}x`)).toBe('401 token-invalid');
    provider.serve('/old', setOf(key.jwk));
    await pass(2 * MINUTE_S);
    expect(await outcome('old')).toBe('200');
  });
});

describe(`${FLOOD} tokens with kids that nobody has`, () => {
  it('cause one request per cooldown, and no good token beside them fails', async () => {
    provider.serve('/flood', setOf(key.jwk));
    expect(await outcome('flood')).toBe('200');
    await pass(MINUTE_S);
    const tokens = strangers(FLOOD);
    const statuses = { stranger: new Map<number, number>(), known: new Map<number, number>() };
    const arrivedBefore = stand.arrived.length;
    let sent = 0;
    const report = await sendAll(stand.port, 8, () => {
      if (sent === FLOOD + FLOOD / 10) return null;
      const isKnown = sent % 11 === 10;
      const bearer = isKnown ? token : (tokens[sent - Math.floor(sent / 11)] ?? '');
      sent += 1;
      return {
        bytes: `GET /flood/x HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer ${bearer}\r\n\r\n`,
        answered: (answer) => {
          const counts = isKnown ? statuses.known : statuses.stranger;
          counts.set(answer?.status ?? 0, (counts.get(answer?.status ?? 0) ?? 0) + 1);
        },
      };
    });
    const asked = provider.requests('/flood');
    process.stdout.write(
      `unknown kids through the gateway: ${report.sent} requests at ${report.perSecond}/s, ${asked - 1} asked\n`,
    );
    expect([...statuses.stranger]).toEqual([[401, FLOOD]]);
    expect([...statuses.known]).toEqual([[200, FLOOD / 10]]);
    expect(stand.arrived.length - arrivedBefore).toBe(FLOOD / 10);
    // One for the first set, one for the first unknown kid; a flood of more than 30 s may ask again.
    expect(asked).toBeLessThanOrEqual(2 + Math.floor(report.sent / report.perSecond / 30));
    expect(asked).toBeGreaterThanOrEqual(2);
  }, 120_000);
});
