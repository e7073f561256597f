/** One `jwt` method with real keys and a clock of the test's own. */
import { CompactSign, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';
import { compileRegex } from '../../../../src/compile/regex.ts';
import type { Finding } from '../../../../src/diagnostics/finding.ts';
import { GatewayError } from '../../../../src/diagnostics/errors.ts';
import type { Json } from '../../../../src/model/route-model.ts';
import { jwtLowering } from '../../../../src/policies/authentication/jwt/lower.ts';
import { jwtMethod } from '../../../../src/policies/authentication/jwt/method.ts';
import type { AuthMethod, AuthVerdict } from '../../../../src/policies/authentication/method.ts';
import type { PolicyRuntime, RequestFacts } from '../../../../src/policies/contract.ts';
import { factsOf, runtimeOf } from '../../chain.ts';

/** 2026-11-25T20:00:00Z */
export const NOW_S = 1_795_636_800;
export const ISSUER = 'https://idp.example/';
export const AUDIENCE = 'orders';

export type SigningKey = { readonly privateKey: CryptoKey; readonly jwk: JWK; readonly alg: string };

export async function makeKey(alg: string, members: JWK = {}): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg, kid: `kid-${alg}`, ...members };
  // A member that is undefined is meant to be absent.
  return { privateKey, alg, jwk: JSON.parse(JSON.stringify(jwk)) as JWK };
}

export const goodClaims = (claims: object = {}): object => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'user-1',
  exp: NOW_S + 300,
  ...claims,
});

export function sign(key: SigningKey, claims: unknown = goodClaims(), header: object = {}): Promise<string> {
  const payload = new TextEncoder().encode(typeof claims === 'string' ? claims : JSON.stringify(claims));
  return new CompactSign(payload)
    .setProtectedHeader({ alg: key.alg, kid: key.jwk.kid, ...header } as { alg: string })
    .sign(key.privateKey);
}

export function base64Url(data: string | Uint8Array): string {
  return Buffer.from(data).toString('base64url');
}

/** Signs any header text with an asymmetric key, which no library would. */
export async function signRaw(key: SigningKey, headerText: string, claimsText: string): Promise<string> {
  const input = `${base64Url(headerText)}.${base64Url(claimsText)}`;
  const algorithm = key.alg.startsWith('ES') ? { name: 'ECDSA', hash: 'SHA-256' } : 'RSASSA-PKCS1-v1_5';
  const signature = await crypto.subtle.sign(algorithm, key.privateKey, new TextEncoder().encode(input));
  return `${input}.${base64Url(new Uint8Array(signature))}`;
}

export function lowerJwt(options: unknown): { readonly config: Json | null; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const source = { kind: 'Config', namespace: null, name: 'm', file: 'routes.config.ts', line: 7, path: 'auth.jwt' };
  const config = jwtLowering.lower(options, {
    routeId: 'route/m',
    source,
    report: (finding) => findings.push(finding),
    target: 'self-hosted',
    trustedHops: 0,
    upstream: ({ scheme, host, port }) => {
      const origin = `${scheme}://${host}:${port}`;
      return { upstream: origin.replace('://', '/'), origin, via: { kind: 'binding' } };
    },
    regex: (model, full) => {
      const result = compileRegex(model.pattern, { full });
      return 'regex' in result ? result.regex : { code: 'regex-invalid', message: result.error, hint: null };
    },
  });
  return { config, findings };
}

export type Stand = {
  readonly method: AuthMethod;
  /** Judges a request with this bearer token, or with these facts. */
  check(
    request: string | (Partial<Omit<RequestFacts, 'headers'>> & { headers?: HeadersInit }),
    scopes?: readonly string[],
  ): Promise<AuthVerdict>;
  /** True when the answer came without waiting. */
  isImmediate(token: string): boolean;
  nowS: number;
};

let stands = 0;

/** Each stand is a configuration of its own: the verified tokens of an isolate are shared by equal ones. */
export function standOf(keys: readonly JWK[], options: object = {}, ports: Partial<PolicyRuntime> = {}): Stand {
  stands += 1;
  const { config, findings } = lowerJwt({
    issuer: ISSUER,
    audience: AUDIENCE,
    leewayMs: 0,
    realm: `stand ${stands}`,
    ...(keys.length > 0 && { jwks: { keys } }),
    ...options,
  });
  if (config === null) throw new Error(findings.map(({ message }) => message).join('\n'));
  return standWith(config, ports);
}

export function standWith(config: Json, ports: Partial<PolicyRuntime> = {}): Stand {
  const stand = { nowS: NOW_S };
  const runtime = runtimeOf({ now: () => stand.nowS * 1_000, ...ports });
  const method = jwtMethod.create(config, runtime);
  const verdict = (facts: RequestFacts, scopes: readonly string[]): AuthVerdict | Promise<AuthVerdict> =>
    method.check({
      facts,
      body: { peek: () => Promise.resolve({ bytes: new Uint8Array(), isWhole: true }) },
      waitUntil: () => undefined,
      routeId: 'route/m',
      scopes,
    });
  return Object.assign(stand, {
    method,
    check: async (request: Parameters<Stand['check']>[0], scopes: readonly string[] = []) =>
      verdict(typeof request === 'string' ? bearer(request) : factsOf(request), scopes),
    isImmediate: (token: string) => !(verdict(bearer(token), []) instanceof Promise),
  });
}

export function bearer(token: string): RequestFacts {
  return factsOf({ headers: { authorization: `Bearer ${token}` } });
}

/** `allow`, or status and code of the denial. */
export async function outcomeOf(verdict: Promise<AuthVerdict> | AuthVerdict): Promise<string> {
  const result = await verdict;
  if (result.kind === 'allow') return 'allow';
  return `${result.answer.status} ${result.code}`;
}

export function challengeOf(verdict: AuthVerdict): string | null {
  return verdict.kind === 'deny' ? verdict.challenge : null;
}

export function problemOf(verdict: AuthVerdict): GatewayError {
  if (verdict.kind !== 'deny' || !(verdict.answer instanceof GatewayError)) throw new Error('no problem document');
  return verdict.answer;
}
