/**
 * A real OpenID provider on loopback. Issues JWT access tokens (client credentials, RFC 9068 form),
 * rotates its keys, and fails as told: discovery and key set only, so that tokens can be had meanwhile.
 */
import * as crypto from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

export type FailMode =
  | 'status-500'
  /** The connection is taken and cut without an answer. */
  | 'reset'
  /** The right answer, after `slowMs`. */
  | 'slow'
  /** Head at once, then nothing. */
  | 'stalled'
  | 'html'
  /** A body of 5 MB that never becomes JSON. */
  | 'huge'
  /** `{"keys":[]}` */
  | 'empty'
  | 'redirect'
  | 'invalid-json';

export type TokenRequest = {
  readonly audience: string;
  /** Space separated. Default none. */
  readonly scope?: string;
  /** Default RS256. */
  readonly algorithm?: 'RS256' | 'PS256' | 'ES256';
  /** Default 600. */
  readonly lifetimeSeconds?: number;
  /** Further claims of the token. */
  readonly claims?: Readonly<Record<string, unknown>>;
};

export type IdentityProvider = {
  /** `iss` of its tokens; an origin without a path. */
  readonly issuer: string;
  readonly jwksURI: string;
  /** `sub` and `client_id` of its tokens. */
  readonly clientId: string;
  /** Requests for the discovery document and for the key set, failed ones included. */
  readonly requests: {
    discovery: number;
    jwks: number;
    /** Of the last one. */
    host: string | undefined;
  };
  issueToken(request: TokenRequest): Promise<string>;
  /** New keys sign from now on. `keepOld`: the set goes on naming the old ones too (default false). Returns the new kids. */
  rotate(options?: { readonly keepOld?: boolean }): readonly string[];
  /** null: works again. */
  fail(mode: FailMode | null, options?: { readonly slowMs?: number }): void;
  close(): Promise<void>;
};

export type IdentityProviderOptions = {
  /** PEM; then the issuer is https. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Cache-Control of the key set. Default: none. */
  readonly cacheControl?: string;
};

const CLIENT_ID = 'gateway-tests';
const CLIENT_SECRET = crypto.randomBytes(32).toString('hex');
/** Resources are URNs that hold the whole request, so that the provider need not be configured per test. */
const RESOURCE = 'urn:portolan:test:';

type SigningKey = { readonly kid: string; readonly jwk: object };

export async function startIdentityProvider(options: IdentityProviderOptions = {}): Promise<IdentityProvider> {
  const { tls } = options;
  const requests: IdentityProvider['requests'] = { discovery: 0, jwks: 0, host: undefined };
  let mode: FailMode | null = null;
  let slowMs = 10_000;
  let handle: ReturnType<Provider['callback']> | undefined;
  const listener = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const kind = documentKind(request.url ?? '');
    if (kind !== null) {
      requests[kind] += 1;
      requests.host = request.headers.host;
    }
    if (kind !== null && mode !== null) {
      if (mode === 'slow') setTimeout(() => handle?.(request, response), slowMs).unref();
      else failAs(mode, response);
      return;
    }
    if (kind === 'jwks' && options.cacheControl !== undefined) {
      response.setHeader('cache-control', options.cacheControl);
    }
    handle?.(request, response);
  };
  const server =
    tls === undefined
      ? http.createServer(listener)
      : https.createServer({ cert: tls.certificate, key: tls.key }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  let keys = generateKeys();
  handle = createProvider(issuer, keys).callback();
  return {
    issuer,
    jwksURI: `${issuer}/jwks`,
    clientId: CLIENT_ID,
    requests,
    issueToken: (request) => askForToken(issuer, request),
    rotate: ({ keepOld = false } = {}) => {
      const old = keys;
      keys = generateKeys();
      // The provider signs with the first key that fits.
      handle = createProvider(issuer, keepOld ? [...keys, ...old] : keys).callback();
      return keys.map(({ kid }) => kid);
    },
    fail: (next, { slowMs: wait = 10_000 } = {}) => {
      mode = next;
      slowMs = wait;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function createProvider(issuer: string, keys: readonly SigningKey[]): Provider {
  return new Provider(issuer, {
    adapter: NoStore,
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    jwks: { keys: keys.map(({ jwk }) => jwk) },
    scopes: [],
    ttl: { ClientCredentials: (_context, { resourceServer }) => resourceServer?.accessTokenTTL ?? 600 },
    extraTokenClaims: (context) => requestOf(resourceIn(context)).claims,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => {
          const { audience, scope = '', algorithm = 'RS256', lifetimeSeconds = 600 } = requestOf(resource);
          return {
            audience,
            scope,
            accessTokenFormat: 'jwt',
            accessTokenTTL: lifetimeSeconds,
            jwt: { sign: { alg: algorithm } },
          };
        },
      },
    },
  });
}

/** JWT tokens of this grant are kept nowhere. */
class NoStore {
  upsert(): Promise<void> {
    return Promise.resolve();
  }
  find(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

function generateKeys(): readonly SigningKey[] {
  const pairs = [
    crypto.generateKeyPairSync('rsa', { modulusLength: 2_048 }),
    crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ];
  return pairs.map(({ privateKey }) => {
    const kid = crypto.randomUUID();
    return { kid, jwk: { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig' } };
  });
}

async function askForToken(issuer: string, request: TokenRequest): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    resource: RESOURCE + Buffer.from(JSON.stringify(request)).toString('base64url'),
    ...(request.scope !== undefined && { scope: request.scope }),
  });
  const { status, text } = await post(`${issuer}/token`, form.toString());
  const answer: unknown = status === 200 ? JSON.parse(text) : null;
  if (typeof answer !== 'object' || answer === null || !('access_token' in answer)) {
    throw new Error(`The provider issued no token: ${status} ${text}`);
  }
  return String(answer.access_token);
}

function post(url: string, body: string): Promise<{ readonly status: number; readonly text: string }> {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    authorization: `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`,
  };
  return new Promise((resolve, reject) => {
    // Its own server, by a certificate that only the test knows.
    const request = url.startsWith('https:')
      ? https.request(url, { method: 'POST', headers, agent: false, rejectUnauthorized: false })
      : http.request(url, { method: 'POST', headers, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.end(body);
  });
}

function resourceIn(context: unknown): string {
  const oidc: unknown = Reflect.get(Object(context), 'oidc');
  const params: unknown = Reflect.get(Object(oidc), 'params');
  return String(Reflect.get(Object(params), 'resource'));
}

function requestOf(resource: string): TokenRequest {
  return JSON.parse(Buffer.from(resource.slice(RESOURCE.length), 'base64url').toString()) as TokenRequest;
}

function documentKind(url: string): 'discovery' | 'jwks' | null {
  if (url.startsWith('/.well-known/openid-configuration')) return 'discovery';
  return url.startsWith('/jwks') ? 'jwks' : null;
}

function failAs(mode: Exclude<FailMode, 'slow'>, response: http.ServerResponse): void {
  const json = { 'content-type': 'application/json' };
  switch (mode) {
    case 'status-500':
      response.writeHead(500, json).end('{"error":"server_error"}');
      return;
    case 'reset':
      response.destroy();
      return;
    case 'stalled':
      response.writeHead(200, json).flushHeaders();
      return;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>');
      return;
    case 'huge':
      response.writeHead(200, json);
      response.end(`{"keys":[${'"x",'.repeat(1_250_000)}`);
      return;
    case 'empty':
      response.writeHead(200, json).end('{"keys":[]}');
      return;
    case 'redirect':
      response.writeHead(302, { location: '/jwks?again' }).end();
      return;
    default:
      response.writeHead(200, json).end('{"keys":[');
  }
}
