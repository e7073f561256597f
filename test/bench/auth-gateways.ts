/** The gateways of the auth bench: Portolan over routes that demand credentials, and hand-written ones. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { AUDIENCE, ISSUER, type IssuedKey, type TokenMint } from './auth-credentials.ts';
import { bundleBaseline } from './bundle-baseline.ts';
import { configuredOptions } from './configured-gateway.ts';
import { hostnameOf, prefixOf } from './generate-mappings.ts';
import type { WorkerdOptions } from './workerd-process.ts';

type RouteEntry = Readonly<Record<string, unknown>>;

/** Three routes that differ in their policies alone; the file name of a prefix is its route. */
export function comparedRoutes(backend: string): readonly RouteEntry[] {
  const route = (name: string, policies?: RouteEntry): RouteEntry => ({
    name,
    path: `/${name}/`,
    backend: `http://${backend}`,
    ...(policies !== undefined && { policies }),
  });
  return [route('open'), route('jwt', { auth: 'corp' }), route('key', { auth: 'keys' })];
}

/** As many as the Mappings of the other benches, at the same addresses, each with a token, CORS and a limit. */
export function fullPolicyRoutes(backend: string, count: number): readonly RouteEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `generated-${index}`,
    hostnames: [hostnameOf(index)],
    path: prefixOf(index),
    backend: `http://${backend}`,
    policies: {
      cors: { origins: ['https://app.example.com'], methods: ['GET', 'POST'] },
      auth: 'corp',
      rateLimit: { limits: [{ name: 'basic', rate: 1_000_000, unit: 'second' }] },
    },
  }));
}

type PortolanInput = {
  readonly folder: string;
  readonly backend: string;
  readonly routes: readonly RouteEntry[];
  readonly mint: TokenMint;
  readonly key: IssuedKey;
};

export async function guardedOptions({ folder, backend, routes, mint, key }: PortolanInput): Promise<WorkerdOptions> {
  const keysFolder = path.join(folder, 'keys');
  fs.mkdirSync(keysFolder, { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(keysFolder, key.name), key.record, { mode: 0o600 });
  const jwt = { issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [mint.jwk] }, algorithms: ['ES256'] };
  const authored = { authentication: { corp: { jwt }, keys: { apiKey: {} } }, routes };
  return { ...(await configuredOptions({ folder, backend, authored })), keysFolder };
}

/** @param entry file of this folder */
export async function baselineOptions(
  entry: string,
  { folder, backend, mint }: Pick<PortolanInput, 'folder' | 'backend' | 'mint'>,
): Promise<WorkerdOptions> {
  return {
    code: await bundleBaseline(entry),
    folder,
    backends: { BACKEND: backend },
    text: { JWK: JSON.stringify(mint.jwk), ISSUER, AUDIENCE },
  };
}
