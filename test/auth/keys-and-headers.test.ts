/** API keys, and headers that pretend to be what authentication writes, through bare workerd. */
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateApiKey, type KeyEnvironment } from '../../src/keys/api-key.ts';
import { encodeApiKeyRecord, type ApiKeyRecord } from '../../src/keys/api-key-record.ts';
import { apiKeyName, generateKeyId } from '../../src/keys/key-names.ts';
import { exchange } from '../hostile/raw-client.ts';
import { makeKey, sign, type SigningKey } from '../policies/authentication/jwt/jwt-stand.ts';
import { AUDIENCE, goodClaims, ISSUER } from './attack-stand.ts';
import { CLOCK_HEADER } from './bundle-clocked-worker.ts';
import { send, startProtectedStand, type Answered, type ProtectedStand } from './protected-stand.ts';

const INVALID = '401 api-key-invalid';
const HOUR_MS = 3_600_000;

let stand: ProtectedStand;
let key: SigningKey;
let token: string;
/** Writes `x-plan` for whoever says who he is. */
const service = http.createServer((request, response) => {
  const who = request.headers['x-who'];
  if (who === undefined) response.writeHead(401);
  else response.writeHead(200, { 'x-plan': String(who) });
  response.end();
});

function route(name: string, more: object = {}): object {
  return { name, path: `/${name}/`, backend: 'BACKEND', ...more };
}

beforeAll(async () => {
  key = await makeKey('ES256');
  token = await sign(key, goodClaims());
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const consumer = { set: { 'X-Consumer': '%CONSUMER_ID%', 'X-Consumer-Plan': '%CONSUMER_PLAN%' } };
  stand = await startProtectedStand({
    config: {
      // By default no name with an underscore goes on at all; this is harder.
      gateway: { headersWithUnderscores: 'allow' },
      authentication: {
        keys: { apiKey: {} },
        query: { apiKey: { query: 'api_key' } },
        both: { apiKey: { environments: ['live', 'test'] } },
        staff: { basic: {} },
        kept: { apiKey: { forward: true } },
        tokens: {
          jwt: {
            issuer: ISSUER,
            audience: AUDIENCE,
            jwks: { keys: [key.jwk] },
            injectRequestHeaders: [{ name: 'X-User-Id', value: '{{ .token.Claims.sub }}' }],
          },
        },
        service: {
          external: {
            service: url,
            allowedRequestHeaders: ['x-who'],
            allowedAuthorizationHeaders: ['x-plan', 'x-auth-groups'],
          },
        },
      },
      routes: [
        route('keys', { policies: { auth: 'keys' }, requestHeaders: consumer }),
        route('query', { policies: { auth: 'query' } }),
        route('both', { policies: { auth: 'both' } }),
        route('kept', { policies: { auth: 'kept' } }),
        route('tokens', { policies: { auth: 'tokens' } }),
        route('maybe', { policies: { auth: { method: 'tokens', optional: true } }, requestHeaders: consumer }),
        route('either', { policies: { auth: { anyOf: ['tokens', 'query', 'staff'] } } }),
        route('keys-first', { policies: { auth: { anyOf: ['kept', 'tokens'] } } }),
        route('service', { policies: { auth: 'service' } }),
        route('open'),
        { ...route('elsewhere'), hostnames: ['elsewhere.test'] },
      ],
    },
    movesClock: true,
  });
});
afterAll(async () => {
  await stand.close();
  service.closeAllConnections();
  service.close();
});

async function issue(more: Partial<ApiKeyRecord> = {}, env: KeyEnvironment = 'live'): Promise<string> {
  const text = generateApiKey(env);
  await store(text, { env, ...more });
  return text;
}

async function store(text: string, more: Partial<ApiKeyRecord>): Promise<void> {
  const createdAt = new Date(Date.now() - HOUR_MS).toISOString();
  const who = { id: generateKeyId(), consumer: 'acme', plan: 'gold', env: 'live', metadata: {} } as const;
  const record = { v: 1, ...who, createdAt, expiresAt: null, revokedAt: null, ...more } as const;
  fs.writeFileSync(path.join(stand.keysFolder, await apiKeyName(text)), encodeApiKeyRecord(record));
}

type Asked = { readonly answer: string; readonly whole: Answered; readonly arrived: number };

/** `arrived`: how many requests the backend got of it. */
async function ask(target: string, headers: Readonly<Record<string, string>> = {}): Promise<Asked> {
  const before = stand.arrived.length;
  const whole = await send(stand.port, { path: target, headers });
  const answer = whole.code === null ? String(whole.status) : `${whole.status} ${whole.code}`;
  return { answer, whole, arrived: stand.arrived.length - before };
}

const answerTo = async (target: string, headers: Readonly<Record<string, string>> = {}): Promise<string> => {
  const { answer, arrived } = await ask(target, headers);
  // The two must never contradict each other.
  expect([target, arrived]).toEqual([target, answer === '200' ? 1 : 0]);
  return answer;
};
const keyAt = (target: string, text: string): Promise<string> => answerTo(target, { 'x-api-key': text });
const lastHeaders = (): Readonly<Record<string, unknown>> => stand.arrived.at(-1)?.headers ?? {};

/** Another key of the same beginning, right in form. */
function neighbourOf(text: string): string {
  for (;;) {
    const other = generateApiKey('live');
    if (other.slice(8, 9) !== text.slice(8, 9)) return other;
  }
}

describe('API keys', () => {
  it('good ones pass, are taken out, and name their consumer', async () => {
    const good = await issue();
    expect(await keyAt('/keys/x', good)).toBe('200');
    expect(lastHeaders()).toMatchObject({ 'x-consumer': 'acme', 'x-consumer-plan': 'gold' });
    expect(JSON.stringify(lastHeaders())).not.toContain(good);
    expect(await answerTo('/keys/x', { authorization: `ApiKey ${good}` })).toBe('200');
    expect(JSON.stringify(lastHeaders())).not.toContain(good);
    expect(await keyAt('/kept/x', good)).toBe('200');
    expect(lastHeaders()['x-api-key']).toBe(good);
  });

  it('all that are not good get one answer, byte for byte but for its id', async () => {
    const expired = await issue({ expiresAt: new Date(Date.now() - 1_000).toISOString() });
    const revoked = await issue({ revokedAt: new Date(Date.now() - 1_000).toISOString() });
    const test = await issue({}, 'test');
    const good = await issue();
    const unreadable = await issue();
    fs.writeFileSync(path.join(stand.keysFolder, await apiKeyName(unreadable)), '{"v":2}');
    const bad = [
      generateApiKey('live'),
      neighbourOf(good),
      expired,
      revoked,
      test,
      unreadable,
      good.slice(0, -1),
      `${good}x`,
      good.toUpperCase(),
      `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`,
      good.replace('live', 'test'),
      `Bearer ${good}`,
      `${good},${good}`,
      '../../etc/passwd',
      `apikey-${'0'.repeat(64)}`,
      '{}',
      'x'.repeat(1_024),
    ];
    const answers = new Set<string>();
    for (const text of bad) {
      const { answer, whole, arrived } = await ask('/keys/x', { 'x-api-key': text });
      expect([text, answer, arrived]).toEqual([text, INVALID, 0]);
      const { requestId, ...document } = JSON.parse(whole.body) as { readonly requestId: string };
      const { date: _date, 'x-request-id': id, 'content-length': _length, ...headers } = whole.headers;
      expect(id).toBe(requestId);
      answers.add(JSON.stringify([headers, document, whole.body.replace(requestId, '')]));
    }
    expect([...answers]).toHaveLength(1);
    expect(await keyAt('/keys/x', '')).toBe(INVALID);
    expect(await keyAt('/keys/x', 'x'.repeat(1_025))).toBe('431 credential-too-large');
    expect(await keyAt('/both/x', test)).toBe('200');
  });

  it('expire while they are known, and two are good while one replaces the other', async () => {
    const [old, young] = [await issue({ expiresAt: new Date(Date.now() + 1_500).toISOString() }), await issue()];
    expect([await keyAt('/keys/x', old), await keyAt('/keys/x', young)]).toEqual(['200', '200']);
    await new Promise((resolve) => {
      setTimeout(resolve, 1_600);
    });
    expect([await keyAt('/keys/x', old), await keyAt('/keys/x', young)]).toEqual([INVALID, '200']);
  });

  it('stop within half a minute of being revoked, though they are in use', async () => {
    const id = generateKeyId();
    const text = await issue({ id });
    expect(await keyAt('/keys/x', text)).toBe('200');
    await store(text, { id, revokedAt: new Date().toISOString() });
    expect(await keyAt('/keys/x', text)).toBe('200');
    await send(stand.port, { path: '/', headers: { [CLOCK_HEADER]: '30000' } });
    expect(await keyAt('/keys/x', text)).toBe(INVALID);
  });

  it('count in the query only where that is switched on, and are taken out of it', async () => {
    const good = await issue();
    expect(await answerTo(`/keys/x?api_key=${good}`)).toBe('401 credentials-missing');
    expect(await answerTo(`/keys/x?x-api-key=${good}`)).toBe('401 credentials-missing');
    expect(await answerTo(`/query/x?a=1&api_key=${good}&b=2`)).toBe('200');
    expect(stand.arrived.at(-1)?.url).toBe('/query/x?a=1&b=2');
    expect(await answerTo(`/query/x?api%5Fkey=${good}`)).toBe('200');
    expect(stand.arrived.at(-1)?.url).toBe('/query/x');
    expect(await answerTo(`/query/x?api_key=${generateApiKey('live')}`)).toBe(INVALID);
  });

  it('are one or none', async () => {
    const [good, other] = [await issue(), await issue()];
    const headers = { 'x-api-key': good };
    expect(await answerTo(`/query/x?api_key=${other}`, headers)).toBe('400 credentials-multiple');
    expect(await answerTo(`/query/x?api_key=${good}&api_key=${good}`)).toBe('400 credentials-multiple');
    expect(await answerTo('/keys/x', { ...headers, authorization: `ApiKey ${good}` })).toBe('400 credentials-multiple');
    const before = stand.arrived.length;
    const lines = [`X-Api-Key: ${good}`, `X-API-KEY: ${other}`];
    const { answers } = await exchange(stand.port, rawRequest('/keys/x', lines));
    expect([answers[0]?.status, stand.arrived.length]).toEqual([401, before]);
    // An underscore makes another name of it.
    expect(await answerTo('/keys/x', { x_api_key: good })).toBe('401 credentials-missing');
  });

  it('do not go on beside another way that let the request in, and neither does what that way did not look at', async () => {
    const good = await issue();
    const authorization = `Bearer ${token}`;
    for (const text of [good, 'guess']) {
      expect(await answerTo(`/either/x?a=1&api_key=${text}`, { authorization, 'x-api-key': text })).toBe('200');
      expect(stand.arrived.at(-1)?.url).toBe('/either/x?a=1');
      expect(lastHeaders()).toMatchObject({ authorization, 'x-user-id': 'user-1' });
      expect(lastHeaders()).not.toHaveProperty('x-api-key');
    }
    const forged = `Bearer ${token.slice(0, -4)}AAAA`;
    for (const written of [forged, authorization, 'Bearer', `Basic ${btoa('bob:guess')}`]) {
      expect(await answerTo('/either/x', { authorization: written, 'x-api-key': good })).toBe('200');
      if (written !== authorization) expect(lastHeaders()).not.toHaveProperty('authorization');
    }
    expect(await answerTo('/keys-first/x', { authorization: forged, 'x-api-key': good })).toBe('200');
    expect(lastHeaders()).toMatchObject({ 'x-api-key': good });
    expect(lastHeaders()).not.toHaveProperty('authorization');
    expect(await answerTo('/keys-first/x', { authorization: 'Digest of-the-backend', 'x-api-key': good })).toBe('200');
    expect(lastHeaders()).toMatchObject({ authorization: 'Digest of-the-backend' });
  });

  it('are in no answer and in no line of the log, nor is their digest', async () => {
    const good = await issue();
    const revoked = await issue({ revokedAt: new Date().toISOString() });
    const bodies: string[] = [];
    for (const text of [good, revoked, generateApiKey('live')]) {
      for (const request of [
        { target: '/keys/x', headers: { 'x-api-key': text } },
        { target: '/keys/x', headers: { authorization: `ApiKey ${text}` } },
        { target: `/query/x?api_key=${text}`, headers: {} },
        { target: `/keys/x?api_key=${text}`, headers: {} },
        { target: '/nowhere/x', headers: { 'x-api-key': text } },
      ]) {
        const { whole } = await ask(request.target, request.headers);
        bodies.push(JSON.stringify(whole));
      }
    }
    const said = `${bodies.join('\n')}\n${stand.log()}`;
    for (const text of [good, revoked]) {
      expect(said).not.toContain(text.slice(8, -7));
      expect(said).not.toContain((await apiKeyName(text)).slice(7));
    }
    expect(said).not.toMatch(/pt_(?:live|test)_/);
  });
});

function rawRequest(target: string, lines: readonly string[], host = 'gateway.test'): string {
  return [`GET ${target} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n');
}

/** Headers of the backend whose value is the smuggled one, however their name is spelt. */
async function smuggled(target: string, lines: readonly string[], host?: string): Promise<readonly string[]> {
  const before = stand.arrived.length;
  const { answers } = await exchange(stand.port, rawRequest(target, [...lines, 'X-Plain: kept'], host));
  const arrived = stand.arrived.slice(before);
  const refused = answers[0]?.status === 400 && arrived.length === 0;
  expect([target, lines, refused || arrived.length === 1]).toEqual([target, lines, true]);
  if (!refused && lines.every((line) => !line.startsWith('Connection'))) {
    expect(arrived[0]?.headers['x-plain']).toBe('kept');
  }
  return arrived.flatMap(({ headers }) =>
    Object.entries(headers).flatMap(([name, value]) => (String(value).includes(SMUGGLED) ? [name] : [])),
  );
}

const SMUGGLED = 'smuggled-admin';
const spellings = (name: string): readonly string[] => [
  ...new Set([
    name,
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.replace('-', '_'),
    name.replace(/-([^-]*)$/, '_$1').toUpperCase(),
  ]),
];
const surroundings = (name: string): readonly (readonly string[])[] => [
  [`${name}: ${SMUGGLED}`],
  [`${name}: ${SMUGGLED}`, `${name}: ${SMUGGLED}`],
  [`${name}: `, `${name}: ${SMUGGLED}`],
  [`Connection: ${name}`, `${name}: ${SMUGGLED}`],
  [`Connection: close, ${name.toLowerCase()}`, `${name}: ${SMUGGLED}`],
];

describe('identity headers', () => {
  const WRITTEN = ['x-user-id', 'x-plan', 'x-auth-groups', 'x-consumer', 'x-consumer-plan'];

  it.each(WRITTEN)('%s of a client reaches no backend, on any route', async (name) => {
    const bearer = [`Authorization: Bearer ${token}`];
    for (const line of spellings(name).flatMap(surroundings)) {
      for (const target of ['/open/x', '/maybe/x']) expect(await smuggled(target, line)).toEqual([]);
      expect(await smuggled('/tokens/x', [...line, ...bearer])).toEqual([]);
      expect(await smuggled('/maybe/x', [...bearer, ...line])).toEqual([]);
      expect(await smuggled('/service/x', [...line, 'X-Who: somebody'])).toEqual([]);
      expect(await smuggled('/elsewhere/x', line, 'elsewhere.test')).toEqual([]);
    }
  });

  it('written by authentication arrive once, whatever the client sent', async () => {
    for (const line of spellings('x-user-id').flatMap((name) => [`${name}: ${SMUGGLED}`])) {
      await smuggled('/tokens/x', [line, `Authorization: Bearer ${token}`]);
      const names = Object.keys(lastHeaders()).filter((name) => name.replaceAll('_', '-') === 'x-user-id');
      expect([names, lastHeaders()['x-user-id']]).toEqual([['x-user-id'], 'user-1']);
    }
  });

  it('cannot be taken away by the client either', async () => {
    await smuggled('/tokens/x', ['Connection: x-user-id', `Authorization: Bearer ${token}`]);
    expect(lastHeaders()['x-user-id']).toBe('user-1');
    await smuggled('/keys/x', ['Connection: x-consumer', `X-Api-Key: ${await issue()}`]);
    expect(lastHeaders()['x-consumer']).toBe('acme');
  });

  it('an anonymous caller is called so', async () => {
    await smuggled('/maybe/x', ['X-Consumer: root', 'X_Consumer: root']);
    expect(lastHeaders()['x-consumer']).toBe('anonymous');
  });

  it('Connection cannot take the credential out of sight', async () => {
    const before = stand.arrived.length;
    for (const name of ['authorization', 'Authorization', 'cookie', 'x-forwarded-for']) {
      const lines = [`Connection: ${name}`, `Authorization: Bearer ${token}`];
      const { answers } = await exchange(stand.port, rawRequest('/tokens/x', lines));
      expect([name, answers[0]?.status]).toEqual([name, 400]);
    }
    expect(stand.arrived.length).toBe(before);
  });
});

describe('headers that only proxies write', () => {
  it.each([
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-forwarded-user',
    'x-forwarded-email',
    'x-forwarded-uri',
    'x-forwarded-client-cert',
    'x-real-ip',
    'cf-connecting-ip',
    'true-client-ip',
    'x-envoy-original-path',
    'x-original-url',
    'x-original-uri',
    'x-rewrite-url',
    'x-middleware-subrequest',
    'forwarded',
  ])('%s of a client reaches no backend', async (name) => {
    for (const line of spellings(name).flatMap(surroundings)) expect(await smuggled('/open/x', line)).toEqual([]);
  });
});
