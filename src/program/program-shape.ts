/** Shape checks of the compiled program's own types. A field added in route-program.ts must be added here to compile. */
import type { HeaderMutations, Json, RankKey, UpstreamTls } from '../model/route-model.ts';
import type {
  CompiledAction,
  CompiledBackend,
  CompiledDomain,
  CompiledForward,
  CompiledHostname,
  CompiledMatch,
  CompiledPath,
  CompiledPolicy,
  CompiledRedirect,
  CompiledRefuse,
  CompiledRegex,
  CompiledRespond,
  CompiledRewrite,
  CompiledRoute,
  CompiledSource,
  CompiledUpstream,
  CompiledValueMatch,
  ProgramSettings,
  TableRef,
  UpstreamTransport,
} from './route-program.ts';
import {
  anything,
  array,
  boolean,
  byKind,
  either,
  integer,
  nullable,
  number,
  object,
  oneOf,
  optional,
  refine,
  string,
  type Check,
} from './shape.ts';

const count = integer(0);
const status = integer(200, 599);
const json = anything<Json>();

const regexFields = object<CompiledRegex>({
  engine: oneOf('js', 're2'),
  source: string,
  flags: optional(string),
  full: optional(oneOf(true)),
});
/** A `js` regex must also be one: the matcher makes it without a net. */
const regex = refine(regexFields, ({ engine, source, flags }, path) => {
  if (engine === 're2') return null;
  try {
    return new RegExp(source, flags) instanceof RegExp ? null : path;
  } catch {
    return `${path}.source is no regular expression`;
  }
});

const source = object<CompiledSource>({
  kind: string,
  namespace: nullable(string),
  name: string,
  cluster: optional(string),
});

const rank: Check<RankKey> = array(
  either(
    either(number, string),
    object<{ readonly ascending: number | string }>({ ascending: either(number, string) }),
  ),
);

const literalPath = object<Exclude<CompiledPath, { kind: 'regex' }>>({
  kind: oneOf('exact', 'prefix', 'segments'),
  value: string,
  ignoreCase: optional(oneOf(true)),
});
const path = byKind<CompiledPath>({
  exact: literalPath,
  prefix: literalPath,
  segments: literalPath,
  regex: object<Extract<CompiledPath, { kind: 'regex' }>>({ kind: oneOf('regex'), regex }),
});

const valueMatch = object<CompiledValueMatch>({ name: string, value: optional(string), regex: optional(regex) });

const match = object<CompiledMatch>({
  rank,
  path,
  method: optional(either(string, regex)),
  headers: optional(array(valueMatch)),
  query: optional(array(valueMatch)),
});

const headerValues = array(object<{ readonly name: string; readonly value: string }>({ name: string, value: string }));
const headerMutations = object<HeaderMutations>({ remove: array(string), set: headerValues, add: headerValues });

const rewrite = byKind<CompiledRewrite>({
  prefix: object<Extract<CompiledRewrite, { kind: 'prefix' }>>({ kind: oneOf('prefix'), length: count, value: string }),
  segments: object<Extract<CompiledRewrite, { kind: 'segments' }>>({
    kind: oneOf('segments'),
    prefix: string,
    value: string,
  }),
  full: object<Extract<CompiledRewrite, { kind: 'full' }>>({ kind: oneOf('full'), value: string }),
  regex: object<Extract<CompiledRewrite, { kind: 'regex' }>>({ kind: oneOf('regex'), regex, substitution: string }),
});

const refuse = object<CompiledRefuse>({ kind: oneOf('refuse'), status, code: string, message: string });

const transport = byKind<UpstreamTransport>({
  binding: object<{ readonly kind: 'binding' }>({ kind: oneOf('binding') }),
  vpc: object<{ readonly kind: 'vpc'; readonly binding: string }>({ kind: oneOf('vpc'), binding: string }),
  fetch: object<{ readonly kind: 'fetch' }>({ kind: oneOf('fetch') }),
});

const backend = object<CompiledBackend>({
  weight: count,
  upstream: string,
  origin: string,
  via: transport,
  rewrite: optional(rewrite),
  host: optional(string),
  requestHeaders: optional(headerMutations),
  responseHeaders: optional(headerMutations),
  refuse: optional(refuse),
});

const action = byKind<CompiledAction>({
  forward: object<CompiledForward>({ kind: oneOf('forward'), backends: array(backend) }),
  redirect: object<CompiledRedirect>({
    kind: oneOf('redirect'),
    status,
    scheme: optional(oneOf('http', 'https')),
    authority: optional(string),
    port: optional(integer(1, 65_535)),
    path: optional(rewrite),
  }),
  respond: object<CompiledRespond>({
    kind: oneOf('respond'),
    status,
    body: optional(string),
    contentType: optional(string),
  }),
  refuse,
});

const policy = object<CompiledPolicy>({ name: string, config: json, source });

const timeouts = object<CompiledRoute['timeouts']>({ requestMs: count, idleMs: count, attemptMs: optional(count) });

export const routeShape: Check<CompiledRoute> = object<CompiledRoute>({
  id: string,
  source,
  matches: array(match),
  below: optional(number),
  group: optional(string),
  action,
  policies: optional(array(policy)),
  requestHeaders: optional(headerMutations),
  responseHeaders: optional(headerMutations),
  timeouts,
  upgrades: optional(array(string)),
  insecure: optional(oneOf('serve')),
  staleSince: optional(string),
});

const hostname: Check<CompiledHostname> = nullable(
  either(string, object<{ readonly regex: CompiledRegex }>({ regex })),
);
const tableRef = object<TableRef>({ id: string, hostname });
const security = nullable(oneOf('secure', 'insecure', 'forwarded-proto'));

export const domainShape: Check<CompiledDomain> = object<CompiledDomain>({
  id: string,
  hostname: string,
  source: optional(source),
  security: object<CompiledDomain['security']>({ http: security, https: security }),
  insecureAction: oneOf('route', 'redirect', 'reject'),
  refuse: optional(refuse),
  tables: array(tableRef),
});

export const upstreamShape: Check<CompiledUpstream> = object<CompiledUpstream>({
  id: string,
  origin: string,
  via: transport,
  resolvedBy: oneOf('services', 'template', 'ingress', 'literal', 'vpc', 'echo'),
  service: string,
  tls: optional(
    object<UpstreamTls>({
      serverName: optional(string),
      ca: optional(string),
      certificate: optional(object<NonNullable<UpstreamTls['certificate']>>({ chain: string, key: string })),
    }),
  ),
});

export const settingsShape: Check<ProgramSettings> = object<ProgramSettings>({
  paths: object<ProgramSettings['paths']>({
    dotSegments: oneOf('reject', 'normalize'),
    escapedSlashes: oneOf('reject', 'keep'),
    pathParams: oneOf('reject', 'strip-in-dot-segments', 'keep'),
    mergeSlashes: boolean,
    rewriteDoubleSlash: oneOf('keep', 'collapse'),
  }),
  hostPort: oneOf('strip', 'strict'),
  rejectStatus: oneOf(404, 400),
  redirectUnmatched: boolean,
  failOpen: oneOf('as-upstream', 'never'),
  headersWithUnderscores: oneOf('drop', 'allow', 'reject'),
  cookieLines: oneOf('rejoin', 'keep'),
  trustedHops: count,
  maxRequestHeadersBytes: count,
  maxTargetBytes: count,
  preserveRequestId: boolean,
  serverHeader: nullable(string),
  suppressEnvoyHeaders: boolean,
  exposeConfigVersion: boolean,
  injectedHeaders: optional(array(string)),
});
