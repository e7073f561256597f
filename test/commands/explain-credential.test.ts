/** `explain` of protected routes: what a credential decides, and that it is never shown. */
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, spawnCli, type Outcome } from './terminal-fixture.ts';

const ISSUER = 'https://login.example.com/';
const AT = '2030-01-31T12:00:00Z';
const AT_S = Date.parse(AT) / 1_000;

let cwd = '';
let privateKey: CryptoKey;
let service: http.Server;
let apiKey = '';

type Policy = {
  readonly name: string;
  readonly decision: string | null;
  readonly code: string | null;
  readonly note: string | null;
};
type Explanation = {
  readonly outcome: string;
  readonly status: number | null;
  readonly code: string | null;
  readonly policies: readonly Policy[];
  readonly consumer: object | null;
  readonly upstream: { readonly headers: Readonly<Record<string, string>> } | null;
};

function config(port: number): string {
  return `export default {
    authentication: {
      corp: { jwt: { issuer: '${ISSUER}', audience: 'orders', discovery: true, planClaim: 'plan',
        injectRequestHeaders: [
          { name: 'X-User', value: '{{ .token.Claims.sub }}' },
          { name: 'X-Token', value: 'seen: {{ .token.Raw }}' },
          { name: 'X-Signature', value: 'seen: {{ .token.Signature }}' },
        ] } },
      partner: { jwt: { issuer: 'https://id.partner.example/', audience: 'orders', jwksURI: 'https://keys.partner.example/set' } },
      keys: { apiKey: {} },
      forwarded: { apiKey: { forward: true } },
      asked: { external: { service: 'http://127.0.0.1:${port}', timeoutMs: 5000 } },
    },
    routes: [
      { name: 'jwt', path: '/jwt/', backend: 'http://127.0.0.1:9000', policies: { auth: 'corp' } },
      { name: 'scoped', path: '/scoped/', backend: 'http://127.0.0.1:9000', policies: { auth: 'corp', authorize: { rules: [
        { name: 'write', effect: 'allow', when: 'consumer.kind == "jwt"', scope: ['orders:write'] } ] } } },
      { name: 'two', path: '/two/', backend: 'http://127.0.0.1:9000', policies: { auth: { anyOf: ['corp', 'partner'] } } },
      { name: 'keys', path: '/keys/', backend: 'http://127.0.0.1:9000', policies: { auth: 'keys' } },
      { name: 'forwarded', path: '/forwarded/', backend: 'http://127.0.0.1:9000', policies: { auth: 'forwarded' } },
      { name: 'asked', path: '/asked/', backend: 'http://127.0.0.1:9000', policies: { auth: 'asked' } },
      { name: 'open', path: '/open/', backend: 'http://127.0.0.1:9000' },
    ],
  };`;
}

const FILTERS = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: shop, namespace: default }
spec: { hostname: "*", prefix: /shop/, service: 'http://127.0.0.1:9000' }
---
apiVersion: getambassador.io/v3alpha1
kind: Filter
metadata: { name: corp, namespace: default }
spec:
  JWT: { jwksURI: 'https://login.example.com/keys', issuer: '${ISSUER}', audience: orders, requireExpiresAt: true }
---
apiVersion: getambassador.io/v3alpha1
kind: FilterPolicy
metadata: { name: edge, namespace: default }
spec:
  rules:
    - { path: /shop/public/*, filters: [] }
    - { path: /*, filters: [{ name: corp }] }
`;

function token(claims: object = {}, lifetimeS = 3_600): Promise<string> {
  const all = { iss: ISSUER, aud: 'orders', sub: 'ann', exp: AT_S + lifetimeS, ...claims };
  return new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(privateKey);
}

beforeAll(async () => {
  cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-explain-'));
  const pair = await generateKeyPair('ES256', { extractable: true });
  ({ privateKey } = pair);
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' };
  fs.writeFileSync(path.join(cwd, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  // Refuses by the Host that the client asked for, as the gateway sends it.
  service = http.createServer(({ headers, url }, response) =>
    response.writeHead(headers.host === 'shop.test' && url === '/asked/1' ? 418 : 500).end(),
  );
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const { port } = service.address() as AddressInfo;
  fs.writeFileSync(path.join(cwd, 'portolan.config.mjs'), config(port));
  const created = await run(['keys', 'create', '-c', 'shop', '--plan', 'gold', '--to', 'dir:state'], { cwd });
  apiKey = created.stdout.trim();
});
afterAll(() => {
  service.close();
  fs.rmSync(cwd, { recursive: true, force: true });
});

const argvOf = (target: string, options: readonly string[]): readonly string[] => [
  'explain',
  'GET',
  `http://shop.test${target}`,
  '--config',
  'portolan.config.mjs',
  ...options,
];

/** JSON of `explain`, which never shows the credential on standard input. */
async function explain(target: string, options: readonly string[], stdin = ''): Promise<Explanation> {
  const outcome = await run(argvOf(target, [...options, '--json']), { cwd, stdin });
  expect(outcome).toMatchObject({ code: 0 });
  if (stdin !== '') expect(outcome.stdout + outcome.stderr).not.toContain(stdin.trim());
  return JSON.parse(outcome.stdout) as Explanation;
}

const shown = ({ stdout, stderr }: Outcome): string => stdout + stderr;

function listing(): readonly string[] {
  const folder = path.join(cwd, 'state', 'keys');
  return fs.readdirSync(folder).map((name) => `${name} ${fs.statSync(path.join(folder, name)).mtimeMs}`);
}

const explainFilters = (target: string, options: readonly string[], text: string): Promise<Explanation> =>
  explain(target, ['-f', 'filters.yaml', ...options], text);

const AT_TIME = ['--at', AT];
const withKeys = ['--token', '-', '--jwks', 'jwks.json', ...AT_TIME];
const withoutKeys = ['--token', '-', ...AT_TIME];

describe('explain --token', () => {
  it('lets a good token in by the given key set, also where the set is discovered; the consumer is in the answer', async () => {
    const { outcome, policies, consumer, upstream } = await explain('/jwt/1', withKeys, await token({ plan: 'gold' }));
    expect({ outcome, consumer }).toEqual({ outcome: 'forward', consumer: { id: 'ann', kind: 'jwt', plan: 'gold' } });
    expect(policies).toMatchObject([{ name: 'auth', decision: 'allow', code: null }]);
    expect(upstream?.headers['x-user']).toBe('ann');
  });

  it('refuses what another key signed, and what the set does not hold', async () => {
    const good = await token();
    const forged = `${good.slice(0, good.lastIndexOf('.'))}.${Buffer.alloc(64, 7).toString('base64url')}`;
    expect(await explain('/jwt/1', withKeys, forged)).toMatchObject({
      outcome: 'respond',
      status: 401,
      code: 'token-invalid',
      consumer: null,
      policies: [{ decision: 'deny', code: 'token-invalid' }],
    });
  });

  it.each<[string, object, number]>([
    ['expired', {}, -3_600],
    ['of another issuer', { iss: 'https://elsewhere.example/' }, 3_600],
    ['for another audience', { aud: 'invoices' }, 3_600],
    ['not valid yet', { nbf: AT_S + 3_600 }, 7_200],
    ['without exp', { exp: undefined }, 0],
  ])('refuses one that is %s without any key, as with one', async (_what, claims, lifetimeS) => {
    const text = await token(claims, lifetimeS);
    const refused = {
      outcome: 'respond',
      status: 401,
      code: 'token-invalid',
      policies: [{ name: 'auth', decision: 'deny', code: 'token-invalid' }],
      upstream: null,
    };
    expect(await explain('/jwt/1', withoutKeys, text)).toMatchObject(refused);
    expect(await explain('/jwt/1', withKeys, text)).toMatchObject(refused);
  });

  it('does not know of a good-looking one without keys, and neither does a rule about its caller', async () => {
    const { outcome, code, consumer, policies } = await explain('/scoped/1', withoutKeys, await token());
    expect({ outcome, code, consumer }).toEqual({ outcome: 'forward', code: null, consumer: null });
    expect(policies.map(({ name, decision, code: why }) => [name, decision, why])).toEqual([
      ['auth', 'unknown', null],
      ['authorize', 'unknown', null],
    ]);
    expect(policies[0]?.note).toContain('--jwks FILE');
    const text = await run(argvOf('/scoped/1', withoutKeys), { cwd, stdin: await token() });
    expect(text.stdout).toMatch(/^answer +forward to \S+ \(if the request passes auth, authorize\)$/m);
  });

  it('says which rule decides about a caller who is known', async () => {
    expect(await explain('/scoped/1', withKeys, await token())).toMatchObject({
      status: 403,
      code: 'insufficient-scope',
      consumer: { id: 'ann' },
      policies: [{ decision: 'allow' }, { decision: 'deny', code: 'insufficient-scope' }],
    });
    const { policies } = await explain('/scoped/1', withKeys, await token({ scope: 'orders:write' }));
    expect(policies[1]).toMatchObject({ decision: 'allow', note: 'rule write allows it' });
  });

  it('one issuer that knows the token is enough; one whose keys are unknown keeps the answer open', async () => {
    expect(await explain('/two/1', withKeys, await token())).toMatchObject({ policies: [{ decision: 'allow' }] });
    expect(await explain('/two/1', withoutKeys, await token())).toMatchObject({ policies: [{ decision: 'unknown' }] });
    expect(await explain('/two/1', withoutKeys, await token({ aud: 'x' }))).toMatchObject({ status: 401 });
    const partner = await token({ iss: 'https://id.partner.example/' });
    expect(await explain('/two/1', withKeys, partner)).toMatchObject({ policies: [{ decision: 'allow' }] });
  });

  it('--at moves the clock', async () => {
    const text = await token();
    const later = ['--token', '-', '--jwks', 'jwks.json', '--at', '2030-01-31T14:00:00Z'];
    expect(await explain('/jwt/1', later, text)).toMatchObject({ status: 401, code: 'token-invalid' });
    const wrong = await run(argvOf('/jwt/1', ['--token', '-', '--at', 'tomorrow']), { cwd, stdin: text });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('--at takes an ISO time');
  });

  it('judges Filters of Ambassador alike', async () => {
    fs.writeFileSync(path.join(cwd, 'filters.yaml'), FILTERS);
    const text = await token();
    expect(await explainFilters('/shop/1', withKeys, text)).toMatchObject({
      outcome: 'forward',
      policies: [{ name: 'filters', decision: 'allow' }],
      consumer: { id: 'ann' },
    });
    const { policies } = await explainFilters('/shop/1', withoutKeys, text);
    expect(policies).toMatchObject([{ name: 'filters', decision: 'unknown', code: null }]);
    expect(policies[0]?.note).toContain('--jwks FILE');
    // The Filter writes the answer itself, so it is no problem document with a code.
    expect(await explainFilters('/shop/1', withoutKeys, await token({ aud: 'x' }))).toMatchObject({
      outcome: 'respond',
      status: 401,
      code: null,
      policies: [{ decision: 'deny', code: 'token-invalid' }],
    });
    expect(await explainFilters('/shop/public/1', withoutKeys, text)).toMatchObject({
      outcome: 'forward',
      policies: [{ name: 'filters', decision: 'allow' }],
      consumer: null,
    });
  });

  it('a key set stands for no other service: an authorisation service is not said to agree', async () => {
    expect(await explain('/asked/1', withKeys, await token())).toMatchObject({
      policies: [{ name: 'auth', decision: 'unknown' }],
    });
  });

  it('--online asks the services, beside a key set of a file', async () => {
    const online = [...withKeys, '--online'];
    expect(await explain('/asked/1', online, await token())).toMatchObject({
      outcome: 'respond',
      status: 418,
      policies: [{ decision: 'deny' }],
    });
    expect(await explain('/jwt/1', online, await token())).toMatchObject({ policies: [{ decision: 'allow' }] });
  });
});

describe('explain --key', () => {
  it('judges the form, and does not know the rest without a place to look', async () => {
    expect(await explain('/keys/1', ['--key', '-'], `${apiKey.slice(0, -1)}_`)).toMatchObject({
      outcome: 'respond',
      status: 401,
      code: 'api-key-invalid',
      policies: [{ decision: 'deny', code: 'api-key-invalid' }],
    });
    const { policies, consumer } = await explain('/keys/1', ['--key', '-'], apiKey);
    expect(policies).toMatchObject([{ decision: 'unknown', code: null }]);
    expect(policies[0]?.note).toContain('--keys PLACE');
    expect(consumer).toBeNull();
  });

  it('looks it up in --keys, and changes nothing there', async () => {
    const before = listing();
    const { outcome, policies, consumer, upstream } = await explain(
      '/keys/1',
      ['--key', '-', '--keys', 'dir:state'],
      apiKey,
    );
    expect({ outcome, consumer }).toEqual({
      outcome: 'forward',
      consumer: { id: 'shop', kind: 'api-key', plan: 'gold' },
    });
    expect(policies).toMatchObject([{ decision: 'allow' }]);
    expect(Object.keys(upstream?.headers ?? {})).not.toContain('x-api-key');
    expect(listing()).toEqual(before);
  });

  it('knows revoked and foreign ones', async () => {
    const other = await run(['keys', 'create', '-c', 'old', '--to', 'dir:state', '--json'], { cwd });
    const { id, key } = JSON.parse(other.stdout) as { id: string; key: string };
    await run(['keys', 'revoke', id, '--to', 'dir:state'], { cwd });
    const elsewhere = await run(['keys', 'create', '-c', 'other', '--to', 'dir:other'], { cwd });
    for (const text of [key, elsewhere.stdout])
      expect(await explain('/keys/1', ['--key', '-', '--keys', 'dir:state'], text)).toMatchObject({
        status: 401,
        code: 'api-key-invalid',
      });
  });

  it.each([
    ['dir:nowhere', 1, /^portolan: no keys can be read in .*nowhere/],
    ['local', 1, /^portolan: there is no state of a development server here/],
    ['state', 2, /--keys must be local, dir:PATH or cloudflare; got "state"/],
  ])('says so when there is nothing at %s, and makes nothing', async (place, code, message) => {
    const {
      code: exit,
      stdout,
      stderr,
    } = await run(argvOf('/keys/1', ['--key', '-', '--keys', place]), {
      cwd,
      stdin: apiKey,
    });
    expect({ exit, stdout }).toEqual({ exit: code, stdout: '' });
    expect(stderr).toMatch(message);
    expect(fs.readdirSync(cwd)).not.toContain('nowhere');
    expect(fs.readdirSync(cwd)).not.toContain('.portolan');
  });
});

describe('the credential', () => {
  it('is not shown where it is forwarded, nor is its signature alone', async () => {
    const text = await token();
    const signature = text.slice(text.lastIndexOf('.') + 1);
    const { upstream } = await explain('/jwt/1', withKeys, text);
    expect(upstream?.headers).toMatchObject({
      authorization: 'Bearer [credential]',
      'x-token': 'seen: [credential]',
      'x-signature': 'seen: [credential]',
    });
    for (const more of [[], ['--json']]) {
      const outcome = await run(argvOf('/jwt/1', [...withKeys, ...more]), { cwd, stdin: text });
      expect(outcome.stdout).toContain('[credential]');
      expect(shown(outcome)).not.toContain(signature);
    }
    const { upstream: keyed } = await explain('/forwarded/1', ['--key', '-', '--keys', 'dir:state'], apiKey);
    expect(keyed?.headers['x-api-key']).toBe('[credential]');
    const { upstream: open } = await explain('/open/1', withoutKeys, text);
    expect(open?.headers['authorization']).toBe('Bearer [credential]');
  });

  it('may be an argument as well, and replaces what -H says', async () => {
    const text = await token();
    const argv = argvOf('/jwt/1', ['--token', text, '-H', 'Authorization: Bearer else', ...withKeys.slice(2)]);
    const outcome = await run([...argv, '--json'], { cwd });
    expect(JSON.parse(outcome.stdout)).toMatchObject({ policies: [{ decision: 'allow' }] });
    expect(shown(outcome)).not.toContain(text);
  });

  it.each(['"', '\\', 'a', 'null', '{}'])('may be the text %s, which is much of what JSON is made of', async (text) => {
    const outcome = await run(argvOf('/open/1', ['--key', '-', '--json']), { cwd, stdin: text });
    expect(JSON.parse(outcome.stdout)).toMatchObject({ upstream: { headers: { 'x-api-key': '[credential]' } } });
  });

  it.each<[string, readonly string[], string, RegExp]>([
    ['two', ['--token', 'aaaa.bbbb.cccc', '--key', 'pt_live_secret'], '', /Give --token or --key, not both/],
    ['an empty one', ['--token', '-'], '\n', /The credential is empty/],
    ['one that no header can carry', ['--key', '-'], 'se\ncret', /cannot be sent over HTTP/],
    ['one beside manifests on standard input', ['--token', '-', '-f', '-'], 'secret', /either the credential or/],
  ])('%s is a usage error that does not quote it', async (_what, options, stdin, message) => {
    const outcome = await run(argvOf('/jwt/1', options), { cwd, stdin });
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toMatch(message);
    for (const secret of ['bbbb', 'pt_live_secret', 'cret']) expect(shown(outcome)).not.toContain(secret);
  });

  it('a file that is no key set is named', async () => {
    const outcome = await run(argvOf('/jwt/1', ['--token', '-', '--jwks', 'portolan.config.mjs']), {
      cwd,
      stdin: await token(),
    });
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain('portolan.config.mjs is no key set');
  });

  it('works as a process of its own, the token in a pipe', async () => {
    const text = await token();
    const outcome = await spawnCli([...argvOf('/jwt/1', withKeys), '--json'], { cwd, stdin: `${text}\n` });
    expect(outcome.code).toBe(0);
    expect(JSON.parse(outcome.stdout)).toMatchObject({ consumer: { id: 'ann' } });
    expect(shown(outcome)).not.toContain(text);
  });
});
