/** Routes that demand tokens, before real keys and the people who attack them. */
import * as crypto from 'node:crypto';
import type { JWK } from 'jose';
import { expect } from 'vitest';
import { base64Url, makeKey, sign, type SigningKey } from '../policies/authentication/jwt/jwt-stand.ts';
import { exchange } from '../hostile/raw-client.ts';
import { startKeySetServer, type KeySetServer } from './key-set-server.ts';
import { send, startProtectedStand, type Answered, type ProtectedStand, type SentRequest } from './protected-stand.ts';

export const ISSUER = 'https://idp.example/';
export const AUDIENCE = 'orders';
export const SHARED_SECRET = 'a secret of the process, 32 bytes or more';
export const INVALID = '401 token-invalid';
export const TOO_LARGE = '431 credential-too-large';
export const SYMMETRIC: JWK = { kty: 'oct', k: base64Url('k'.repeat(32)), alg: 'HS256', kid: 'shared' };

export type AttackKeys = {
  readonly rsa: SigningKey;
  readonly ec: SigningKey;
  readonly pss: SigningKey;
  readonly ed: SigningKey;
  /** In no set. */
  readonly stranger: SigningKey;
  /** In no set, for ES256. */
  readonly strangerEc: SigningKey;
};

export type RouteOptions = Readonly<Record<string, object>>;

export class AttackStand {
  readonly keys: AttackKeys;
  readonly provider: KeySetServer;
  /** Where `jku` and `x5u` of attackers lead. */
  readonly evil: KeySetServer;
  readonly stand: ProtectedStand;
  /** Everything but the request's own id of each `token-invalid`, by the policy that answered. */
  readonly invalidAnswers = { auth: new Set<string>(), filters: new Set<string>() };
  #sent = 0;
  readonly #attacks: string[] = [];

  private constructor(keys: AttackKeys, provider: KeySetServer, evil: KeySetServer, stand: ProtectedStand) {
    this.keys = keys;
    this.provider = provider;
    this.evil = evil;
    this.stand = stand;
  }

  /** One route `/NAME/` with a method of its own per entry; what an entry leaves out is as for the route `all`. */
  static async start(
    routesOf: (keys: AttackKeys, provider: KeySetServer) => RouteOptions,
    allowErrors = false,
  ): Promise<AttackStand> {
    const [rsa, ec, pss, ed, stranger, strangerEc] = await Promise.all(
      ['RS256', 'ES256', 'PS256', 'EdDSA', 'RS256', 'ES256'].map((alg) => makeKey(alg)),
    );
    const keys = { rsa, ec, pss, ed, stranger, strangerEc } as AttackKeys;
    const [provider, evil] = await Promise.all([startKeySetServer(), startKeySetServer()]);
    provider.serve('/all', { keys: [keys.rsa, keys.ec, keys.pss, keys.ed].map(({ jwk }) => jwk) });
    const defaults = {
      issuer: ISSUER,
      audience: AUDIENCE,
      jwksURI: `${provider.url}/all`,
      algorithms: ['RS256', 'RS384', 'ES256', 'PS256', 'EdDSA', 'Ed25519'],
    };
    const routes = { all: {}, ...routesOf(keys, provider) };
    const stand = await startProtectedStand({
      config: {
        authentication: Object.fromEntries(
          Object.entries(routes).map(([name, options]) => [name, { jwt: withDefaults(options, defaults) }]),
        ),
        routes: [
          ...Object.keys(routes).map((name) => ({
            name,
            path: `/${name}/`,
            backend: 'BACKEND',
            policies: { auth: name },
          })),
          { name: 'open', path: '/open/', backend: 'BACKEND' },
        ],
      },
      yaml: filterManifests(defaults),
      secrets: { SHARED: SHARED_SECRET, SHORT: 'k'.repeat(31) },
      allowErrors,
      opensNetwork: true,
    });
    return new AttackStand(keys, provider, evil, stand);
  }

  async close(): Promise<void> {
    await this.stand.close();
    this.provider.close();
    this.evil.close();
  }

  /**
   * Status and code of what must not pass. That it did not is asked of the backend, not of the answer. A
   * token for the route `all` is tried on a JWT Filter of Ambassador too, which must say the same.
   */
  async attack(request: string | SentRequest, route = 'all'): Promise<string> {
    const outcome = await this.#refused(request, route);
    if (typeof request === 'string' && route === 'all') {
      expect([request, await this.#refused(request, 'filter')]).toEqual([request, outcome]);
    }
    return outcome;
  }

  async #refused(request: string | SentRequest, route: string): Promise<string> {
    const { id, answer } = await this.#send(request, route);
    this.#attacks.push(id);
    expect(this.#reached(id), `${route}: ${JSON.stringify(request)}`).toBe(false);
    const code = codeOf(answer);
    const answers = this.invalidAnswers[route === 'filter' ? 'filters' : 'auth'];
    if (code === 'token-invalid') answers.add(withoutId(answer));
    return `${answer.status} ${code}`;
  }

  /** `attack` for bytes that no HTTP library sends; `lines` come after the request line and Host. */
  async rawAttack(lines: readonly string[], route = 'all'): Promise<string> {
    const id = this.#nextId();
    this.#attacks.push(id);
    const head = [`GET /${route}/x HTTP/1.1`, 'Host: gateway.test', `X-Case: ${id}`, ...lines, '', ''].join('\r\n');
    const { answers } = await exchange(this.stand.port, head);
    expect(this.#reached(id), `${route}: ${JSON.stringify(lines).slice(0, 300)}`).toBe(false);
    const [first] = answers;
    return `${first?.status ?? 'cut'} ${/"code":"([a-z-]+)"/.exec(first?.body ?? '')?.[1] ?? ''}`;
  }

  /** True when the backend got it, which a good request must be able to. */
  async passes(request: string | SentRequest, route = 'all'): Promise<boolean> {
    const { id, answer } = await this.#send(request, route);
    return answer.status === 200 && this.#reached(id);
  }

  /** Attacks that the backend saw; at the end of a test file it must be none, and some were made. */
  get broken(): { readonly attacks: number; readonly reached: number } {
    const arrived = new Set(this.stand.arrived.map(({ headers }) => headers['x-case']));
    return { attacks: this.#attacks.length, reached: this.#attacks.filter((id) => arrived.has(id)).length };
  }

  async #send(request: string | SentRequest, route: string): Promise<{ id: string; answer: Answered }> {
    const id = this.#nextId();
    const { path = `/${route}/x`, headers, ...rest } = typeof request === 'string' ? bearer(request) : request;
    const answer = await send(this.stand.port, { ...rest, path, headers: { ...headers, 'x-case': id } });
    return { id, answer };
  }

  #nextId(): string {
    this.#sent += 1;
    return `case-${this.#sent}`;
  }

  #reached(id: string): boolean {
    return this.stand.arrived.some(({ headers }) => headers['x-case'] === id);
  }
}

/** The route `/filter/`, protected as `/all/` is, in Ambassador's words, which know no EdDSA. */
function filterManifests({ issuer, audience, jwksURI, algorithms }: MethodDefaults): string {
  const required = { requireExpiresAt: true, requireIssuer: true, requireAudience: true };
  const validAlgorithms = algorithms.filter((name) => !name.startsWith('Ed'));
  return [
    manifest('Mapping', { hostname: '*', prefix: '/filter/', service: 'BACKEND', rewrite: '' }),
    manifest('Filter', { JWT: { jwksURI, issuer, audience, validAlgorithms, ...required } }),
    manifest('FilterPolicy', { rules: [{ path: '/filter/*', filters: [{ name: 'filter' }] }] }),
  ].join('\n---\n');
}

function manifest(kind: string, spec: object): string {
  const metadata = { name: 'filter', namespace: 'default' };
  return JSON.stringify({ apiVersion: 'getambassador.io/v3alpha1', kind, metadata, spec });
}

type MethodDefaults = {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksURI: string;
  readonly algorithms: readonly string[];
};

/** `undefined` takes a default away. */
function withDefaults(options: object, defaults: object): object {
  const ownKeys = ['jwks', 'secret', 'discovery'].some((name) => name in options);
  return { ...defaults, ...(ownKeys && { jwksURI: undefined }), ...options };
}

function bearer(token: string): Omit<SentRequest, 'path'> & { readonly path?: string } {
  return { headers: { authorization: `Bearer ${token}` } };
}

/** A Filter answers in Ambassador's form, which has no codes: there the challenge and the status tell. */
function codeOf({ status, code, headers }: Answered): string {
  if (code !== null) return code;
  if (status === 431) return 'credential-too-large';
  return headers['www-authenticate']?.includes('error="invalid_token"') === true ? 'token-invalid' : '';
}

function withoutId({ status, headers, body }: Answered): string {
  const { requestId } = JSON.parse(body) as { readonly requestId?: string };
  // Ambassador's own form does not repeat it in the body.
  expect(headers['x-request-id']).toEqual(requestId ?? expect.stringMatching(/^[0-9a-f-]{36}$/));
  const { date: _date, 'x-request-id': _id, 'content-length': _length, ...others } = headers;
  return JSON.stringify([status, others, body.replace(requestId ?? '', '')]);
}

/** Seconds since 1970, of the same clock as workerd's. */
export function nowS(): number {
  return Math.floor(Date.now() / 1_000);
}

export function goodClaims(claims: object = {}): object {
  return { iss: ISSUER, aud: AUDIENCE, sub: 'user-1', exp: nowS() + 300, ...claims };
}

export function tokenOf(key: SigningKey, claims: object = {}, header: object = {}): Promise<string> {
  return sign(key, goodClaims(claims), header);
}

export function unsigned(header: object, claims: object = goodClaims()): string {
  return `${base64Url(JSON.stringify(header))}.${base64Url(JSON.stringify(claims))}`;
}

export function setOf(...keys: readonly JWK[]): object {
  return { keys };
}

/** The same key, of which the set does not say what it is for. */
export function withoutAlg({ jwk: { alg: _alg, ...jwk } }: SigningKey): JWK {
  return jwk;
}

export function hmac(input: string, secret: string | Uint8Array): string {
  return `${input}.${crypto.createHmac('sha256', secret).update(input).digest('base64url')}`;
}
