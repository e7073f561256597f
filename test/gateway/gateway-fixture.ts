/** A gateway over a program in memory, with a recording upstream: everything of the request path but the runtime. */
import { createGateway, type GatewayBindings } from '../../src/gateway/app.ts';
import type { TransportFacts } from '../../src/gateway/client-address.ts';
import { createMemoryView } from '../../src/gateway/program-view.ts';
import type { Json } from '../../src/model/route-model.ts';
import { DEFAULT_SETTINGS } from '../../src/model/settings.ts';
import type { RateLimiter } from '../../src/limits/limiter.ts';
import { NO_LIMITER } from '../policies/memory-limiter.ts';
import type { CompiledBackend, CompiledDomain, CompiledRoute, RouteProgram } from '../../src/program/route-program.ts';

export const UPSTREAM = 'http-web.default-80';

export function aBackend(changes: Partial<CompiledBackend> = {}): CompiledBackend {
  return { weight: 100, upstream: UPSTREAM, origin: 'http://web.default:80', via: { kind: 'binding' }, ...changes };
}

export function aRoute(prefix: string, changes: Partial<CompiledRoute> = {}): CompiledRoute {
  return {
    id: `Mapping/default/${prefix}`,
    source: { kind: 'Mapping', namespace: 'default', name: prefix },
    matches: [{ rank: [0, 0, prefix.length, prefix], path: { kind: 'prefix', value: prefix } }],
    action: { kind: 'forward', backends: [aBackend()] },
    timeouts: { requestMs: 0, idleMs: 0 },
    ...changes,
  };
}

export function aDomain(changes: Partial<CompiledDomain> = {}): CompiledDomain {
  return {
    id: 'default',
    hostname: '*',
    security: { http: 'forwarded-proto', https: 'forwarded-proto' },
    insecureAction: 'route',
    tables: [{ id: 't', hostname: null }],
    ...changes,
  };
}

export type FixtureOptions = {
  readonly routes: readonly CompiledRoute[];
  readonly domain?: Partial<CompiledDomain>;
  readonly settings?: Partial<RouteProgram['settings']>;
  readonly transport?: Partial<TransportFacts>;
  readonly answer?: (request: Request) => Response | Promise<Response>;
  readonly bindings?: Partial<GatewayBindings>;
  readonly limiter?: RateLimiter;
};

export type Fixture = {
  /** A request as the runtime would hand it over: `url` is not normalised. */
  send(url: string, init?: RequestInit): Promise<Response>;
  readonly upstream: Request[];
  readonly logged: { readonly event: string; readonly fields: Readonly<Record<string, Json>> }[];
};

export function gatewayFixture(options: FixtureOptions): Fixture {
  const program: RouteProgram = {
    format: 1,
    settings: { ...DEFAULT_SETTINGS, ...options.settings },
    domains: [aDomain(options.domain)],
    tables: { t: options.routes },
    upstreams: [],
  };
  const view = createMemoryView(program, 'v1');
  const upstream: Request[] = [];
  const logged: { event: string; fields: Readonly<Record<string, Json>> }[] = [];
  const transport: TransportFacts = {
    scheme: 'http',
    peerIp: '9.9.9.9',
    extraTrustedHops: 0,
    peerIsInForwardedFor: false,
    keepsPlatformHeaders: false,
    protocol: 'HTTP/1.1',
    place: null,
    ...options.transport,
  };
  const gateway = createGateway({
    programs: { current: () => view },
    backends: {
      fetcher: (id) =>
        id === UPSTREAM
          ? {
              fetcher: {
                fetch: async (input, init) => {
                  const request = new Request(input, init);
                  // Node follows the given signal weakly: a collection in between would lose the abort.
                  if (init?.signal != null) Object.defineProperty(request, 'signal', { value: init.signal });
                  upstream.push(request);
                  return (await options.answer?.(request)) ?? new Response('from upstream');
                },
              },
            }
          : null,
    },
    rateLimiter: options.limiter ?? NO_LIMITER,
    fence: () => null,
    log: (event, fields) => logged.push({ event, fields }),
    askPublic: null,
    keys: { get: () => Promise.resolve(null) },
    secret: () => null,
    shared: null,
    transport: () => transport,
    ...options.bindings,
  });
  return {
    upstream,
    logged,
    send: async (url, init = {}) => gateway.fetch(rawRequest(url, init), () => undefined),
  };
}

/** Node's Request normalises its URL; workerd's does not, so the raw text is put in its place. */
function rawRequest(url: string, init: RequestInit): Request {
  const headers = new Headers(init.headers);
  const host = /^https?:\/\/([^/?#*]*)/.exec(url)?.[1] ?? '';
  if (!headers.has('host')) headers.set('host', host);
  const request = new Request('http://placeholder.test/', { ...init, headers });
  Object.defineProperty(request, 'url', { value: url });
  return request;
}
