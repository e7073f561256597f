/** Key sources in bare workerd with the configuration that `serve` writes: its bindings, its TLS, its crypto. */
import * as http from 'node:http';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createUpstreamResolver, isProblem } from '../../src/compile/upstreams.ts';
import { listeningPort } from '../../src/dev/listening-port.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import type { UpstreamTls } from '../../src/model/route-model.ts';
import type { LowerContext } from '../../src/policies/contract.ts';
import { lowerKeys } from '../../src/policies/authentication/jwt/keys/lower-keys.ts';
import type { CompiledKeys } from '../../src/policies/authentication/jwt/keys/key-source.ts';
import type { KeysOptions } from '../../src/policies/authentication/jwt/keys/keys-options.ts';
import type { CompiledUpstream } from '../../src/program/route-program.ts';
import { WORKER_FILE } from '../../src/serve/runtime-config.ts';
import { startIdentityProvider, type IdentityProvider } from '../idp/identity-provider.ts';
import { aCluster } from '../oracle/model-builder.ts';
import { Authority } from '../tls/certificates.ts';
import { bundleKeyProbe } from './bundle-key-probe.ts';
import { EdgeStand, type Edge } from './edge-stand.ts';

type Seen = {
  readonly keys?: readonly (readonly string[])[];
  readonly status?: number;
  readonly code?: string;
  readonly logged: readonly string[];
};

let stand: EdgeStand;
let plain: IdentityProvider;
let secure: IdentityProvider;
let stranger: IdentityProvider;
let tls: UpstreamTls;
let edges: Edge[] = [];

beforeAll(async () => {
  stand = await EdgeStand.create();
  fs.mkdirSync(path.join(stand.folder, 'kv'));
  fs.writeFileSync(path.join(stand.folder, WORKER_FILE), await bundleKeyProbe());
  const authority = new Authority(stand.folder, 'ca');
  const other = new Authority(stand.folder, 'other');
  tls = { ca: authority.pair.certificateFile };
  plain = await startIdentityProvider();
  secure = await startIdentityProvider({ tls: authority.issue('idp', ['IP:127.0.0.1']) });
  stranger = await startIdentityProvider({ tls: other.issue('stranger', ['IP:127.0.0.1']) });
});
afterEach(() => {
  for (const edge of edges) edge.process.kill();
  edges = [];
  for (const provider of [plain, secure, stranger]) provider.fail(null);
});
afterAll(async () => {
  await Promise.all([plain, secure, stranger].map((provider) => provider.close()));
  await stand.close();
});

/** Lowered with the resolver of a build that has a cluster with this `tls`. */
function lower(options: KeysOptions, issuer: string): { keys: CompiledKeys; upstream: CompiledUpstream } {
  const services = {
    ...Object.fromEntries(
      [plain, secure, stranger].map((provider) => [new URL(provider.issuer).host, { url: provider.issuer, tls }]),
    ),
    'login.test:443': { url: secure.issuer, tls },
    'login.test:80': { url: secure.issuer, tls },
  };
  const resolver = createUpstreamResolver([aCluster({ template: null, services })], {
    target: 'self-hosted',
    unresolved: 'refuse',
  });
  const upstreams: CompiledUpstream[] = [];
  const findings: Finding[] = [];
  const context: LowerContext = {
    routeId: 'route/a',
    source: { kind: 'Filter', namespace: null, name: 'f', file: null, line: null, path: null },
    report: (finding) => findings.push(finding),
    target: 'self-hosted',
    trustedHops: 0,
    upstream: (service) => {
      const resolved = resolver(service);
      if (isProblem(resolved)) return resolved;
      upstreams.push(resolved.upstream);
      const { id, origin, via } = resolved.upstream;
      return { upstream: id, origin, via };
    },
    regex: () => ({ code: 'unused', message: '', hint: null }),
  };
  const keys = lowerKeys(options, context, { issuer });
  const [upstream] = upstreams;
  if (keys === null || upstream === undefined) throw new Error(JSON.stringify(findings));
  return { keys, upstream };
}

async function edgeFor(upstreams: readonly CompiledUpstream[]): Promise<Edge> {
  const edge = await stand.startEdge(upstreams);
  edges.push(edge);
  return edge;
}

async function probe({ url }: Edge, keys: CompiledKeys, kid: string | null = null): Promise<Seen> {
  const body = JSON.stringify({ keys, ...(kid !== null && { kid }) });
  return (await (await fetch(`${url}/keys`, { method: 'POST', body })).json()) as Seen;
}

const ALGORITHMS = [['RS256'], ['RS384'], ['RS512'], ['PS256'], ['PS384'], ['PS512'], ['ES256']];
const algorithmsOf = ({ keys = [] }: Seen): readonly (readonly string[])[] => keys.map(([, ...names]) => names);

describe('a key set', () => {
  it.each([
    ['http', () => plain],
    ['https with an authority of its own', () => secure],
  ])('is fetched by %s from a private address, because it was written down', async (_name, provider) => {
    const { issuer, jwksURI } = provider();
    for (const options of [{ jwksURI }, { discovery: true } as const]) {
      const { keys, upstream } = lower(options, issuer);
      const edge = await edgeFor([upstream]);
      const seen = await probe(edge, keys);
      expect(seen.logged).toEqual([expect.stringMatching(/^jwks-changed /)]);
      expect(algorithmsOf(seen)).toEqual(ALGORITHMS);
    }
  });

  it('is asked for by the name in its URL, wherever that is mapped', async () => {
    for (const jwksURI of ['https://login.test/jwks', 'http://login.test/jwks']) {
      const { keys, upstream } = lower({ jwksURI }, secure.issuer);
      expect(algorithmsOf(await probe(await edgeFor([upstream]), keys))).toEqual(ALGORITHMS);
      expect(secure.requests.host).toBe('login.test');
    }
  });

  it('is not fetched where the certificate is another’s, and never by way of the public network', async () => {
    const { keys, upstream } = lower({ jwksURI: stranger.jwksURI }, stranger.issuer);
    const before = stranger.requests.jwks;
    expect(await probe(await edgeFor([upstream]), keys)).toMatchObject({ status: 503, code: 'jwks-unavailable' });
    const unbound = await edgeFor([]);
    expect(await probe(unbound, keys)).toMatchObject({
      status: 503,
      logged: [expect.stringContaining('has no binding for')],
    });
    expect(stranger.requests.jwks).toBe(before);
  });

  it('is asked for once by a crowd of cold requests', async () => {
    const { keys, upstream } = lower({ jwksURI: plain.jwksURI }, plain.issuer);
    const edge = await edgeFor([upstream]);
    const before = plain.requests.jwks;
    const crowd = await Promise.all(Array.from({ length: 200 }, () => probe(edge, keys)));
    for (const seen of crowd) expect(algorithmsOf(seen)).toEqual(ALGORITHMS);
    expect(plain.requests.jwks - before).toBe(1);
    const flood = await Promise.all(Array.from({ length: 500 }, (_, index) => probe(edge, keys, `nobody-${index}`)));
    for (const seen of flood) expect(algorithmsOf(seen)).toEqual(ALGORITHMS);
    expect(plain.requests.jwks - before).toBe(1);
  });

  it('is asked for once by 100,000 unknown kids, which hold up no known one', async () => {
    const { keys, upstream } = lower({ jwksURI: plain.jwksURI }, plain.issuer);
    const edge = await edgeFor([upstream]);
    const before = plain.requests.jwks;
    const flood = 100_000;
    const begun = performance.now();
    const answer = await fetch(`${edge.url}/flood`, { method: 'POST', body: JSON.stringify({ keys, flood }) });
    expect(await answer.json()).toEqual({ known: flood });
    const perSecond = Math.round(flood / ((performance.now() - begun) / 1_000));
    process.stdout.write(`jwks flood in workerd: ${flood} unknown kids at ${perSecond}/s\n`);
    expect(plain.requests.jwks - before).toBe(1);
  });

  it.each([
    ['status-500', 'status-500'],
    ['reset', 'unreachable'],
    ['html', 'html'],
    ['huge', 'too-large'],
    ['empty', 'empty-set'],
    ['redirect', 'redirect'],
    ['invalid-json', 'invalid-json'],
    ['stalled', 'timeout'],
  ] as const)('that fails (%s) refuses with 503', async (mode, reason) => {
    const { keys, upstream } = lower({ jwksURI: plain.jwksURI }, plain.issuer);
    const edge = await edgeFor([upstream]);
    plain.fail(mode, { slowMs: 60_000 });
    const seen = await probe(edge, keys);
    expect(seen).toMatchObject({ status: 503, code: 'jwks-unavailable' });
    expect(seen.logged).toEqual([expect.stringMatching(new RegExp(`^jwks-refresh-failed .*"reason":"${reason}"`))]);
  });

  it('outlives the request that asked for it', async () => {
    const { keys, upstream } = lower({ jwksURI: plain.jwksURI }, plain.issuer);
    const edge = await edgeFor([upstream]);
    plain.fail('slow', { slowMs: 1_500 });
    const before = plain.requests.jwks;
    const leaving = new AbortController();
    const body = JSON.stringify({ keys });
    const first = fetch(`${edge.url}/keys`, { method: 'POST', body, signal: leaving.signal });
    const second = probe(edge, keys);
    setTimeout(() => leaving.abort(), 300);
    await expect(first).rejects.toThrow();
    expect(algorithmsOf(await second)).toEqual(ALGORITHMS);
    expect(plain.requests.jwks - before).toBe(1);
  });
});

describe('the network service', () => {
  it('takes https addresses as they stand and verifies them', async () => {
    // No public address is within reach of a test, so that private ones play them.
    const pem = JSON.stringify(fs.readFileSync(tls.ca ?? '', 'utf8'));
    const edge = await stand.startEdge([], {
      change: (config) =>
        config.replace(
          'allow = ["public"], tlsOptions = (trustBrowserCas = true)',
          `allow = ["private"], tlsOptions = (trustedCertificates = [${pem}])`,
        ),
    });
    edges.push(edge);
    const said = async (body: string): Promise<string> =>
      (await fetch(`${edge.url}/public`, { method: 'POST', body })).text();
    expect(await said(secure.jwksURI)).toBe('answered 200');
    expect(await said(stranger.jwksURI)).toMatch(/^refused: /);
    secure.fail('redirect');
    expect(await said(secure.jwksURI)).toBe('answered 302');
  });

  it('leads to public addresses only', async () => {
    let asked = 0;
    const inside = http.createServer((_request, answer) => {
      asked += 1;
      answer.end('inside');
    });
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
    const port = listeningPort(inside);
    const edge = await edgeFor([]);
    for (const target of [
      `http://127.0.0.1:${port}/`,
      `http://localhost:${port}/`,
      `http://[::ffff:127.0.0.1]:${port}/`,
    ]) {
      const answer = await (await fetch(`${edge.url}/public`, { method: 'POST', body: target })).text();
      expect([target, answer]).toEqual([target, expect.stringMatching(/^refused: /)]);
    }
    inside.close();
    expect(asked).toBe(0);
  });
});
