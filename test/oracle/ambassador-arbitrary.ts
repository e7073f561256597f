/** Random Ambassador resources and requests from small vocabularies, so that they meet often. */
import * as fc from 'fast-check';
import type {
  NaiveHost,
  NaiveListener,
  NaiveMapping,
  NaiveMappingSpec,
  NaiveRequest,
  NaiveResources,
} from './ambassador-resources.ts';

const oneOf = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
/** The key is absent about as often as not, or as `present` of 10 times. */
function maybe<T>(present: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 10 - present, arbitrary: fc.constant(undefined) }, { weight: present, arbitrary });
}

/** Without the members that are undefined, as YAML would have it; of whatever type is wanted. */
function written(value: object): never {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;
}

/** Some fields of a Mapping. */
type Fields = fc.Arbitrary<Partial<NaiveMappingSpec>>;

const PREFIXES = ['/', '/a', '/a/', '/a/b', '/A/', '/ab', '/a/b/c', '/.well-known/acme-challenge/'];
const REGEXES = ['/.*', '/a/.*', '/[ab]+', '/a|/a/b', '/(a|ab)/[a-z]+'];
const HOSTNAMES = ['*', 'a.test', 'b.test', '*.test', '*.a.test', 'a.*', '*a.test', 'a.test:8443', 'A.Test'];
const MAPPING_HOSTNAMES = ['*', '*', 'a.test', '*.test', '*.a.test', 'a.*', 'x.a.test', 'b.test:8080', 'a.*.test'];
const LABELS = [{}, {}, { app: 'web' }, { app: 'api' }, { app: 'web', tier: '1' }];
const NAMES = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8'];

const path: Fields = fc.oneof(
  { weight: 4, arbitrary: fc.record({ prefix: oneOf(...PREFIXES) }) },
  { weight: 1, arbitrary: fc.record({ prefix: oneOf(...PREFIXES), prefix_exact: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ prefix: oneOf(...PREFIXES), case_sensitive: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ prefix: oneOf(...REGEXES), prefix_regex: fc.constant(true) }) },
  {
    weight: 1,
    arbitrary: fc.record({ prefix: oneOf('/a', '/a/b'), prefix_regex: fc.boolean(), prefix_exact: fc.boolean() }),
  },
);

const hostFields: Fields = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 4, arbitrary: fc.record({ hostname: oneOf(...MAPPING_HOSTNAMES) }) },
  { weight: 1, arbitrary: fc.record({ host: oneOf('a.test', 'b.test', 'x.a.test') }) },
  { weight: 1, arbitrary: fc.record({ host: oneOf('a[.]test', '.*[.]test'), host_regex: fc.constant(true) }) },
);

const exactValue = oneOf('1', 'two', '');
const headerName = oneOf('x-t1', 'x-t2', 'X-T1');
const headers: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(headerName, exactValue, { maxKeys: 2 }) },
  { weight: 1, arbitrary: oneOf({ ':authority': 'a.test' }, { ':method': 'POST' }, { ':method': 'GET', 'x-t1': '1' }) },
);
const regexHeaders: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(headerName, oneOf('[0-9]', '.*', 'two|1'), { maxKeys: 2 }) },
  { weight: 1, arbitrary: oneOf({ ':authority': '[ab].test' }, { ':authority': 'a[.]test', 'x-t2': '.*' }) },
);
const queryName = oneOf('q', 'p');

const action: Fields = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.record({ rewrite: oneOf('', '/', '/r/', '/r') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      regex_rewrite: oneOf({ pattern: '/([a-z])', substitution: '/x\\1' }, { pattern: 'zz', substitution: '' }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ host_rewrite: oneOf('up.test') }) },
  { weight: 1, arbitrary: fc.record({ auto_host_rewrite: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc
      .record({
        path_redirect: maybe(3, oneOf('/away')),
        prefix_redirect: maybe(3, oneOf('/to/', '/to')),
        redirect_response_code: maybe(5, oneOf(301, 302, 303, 307, 308)),
      })
      .map((fields) => written({ host_redirect: true, ...fields })),
  },
);

const additions = fc.dictionary(
  oneOf('x-t1', 'x-t3'),
  fc
    .record({ value: oneOf('n', 'm'), append: maybe(5, fc.boolean()) })
    .map((fields): { readonly value: string; readonly append?: boolean } => written(fields)),
  { maxKeys: 2 },
);

const v3Spec: fc.Arbitrary<NaiveMappingSpec> = fc
  .record({
    path,
    hostFields,
    action,
    service: oneOf('svc', 'Svc:8080', 'svc.other', 'https://svc', 'http://svc.other:81', 'ext.example.com'),
    headers: maybe(2, headers),
    regex_headers: maybe(2, regexHeaders),
    query_parameters: maybe(2, fc.dictionary(queryName, exactValue, { maxKeys: 2 })),
    regex_query_parameters: maybe(1, fc.dictionary(queryName, oneOf('.*', '[0-9]'), { maxKeys: 1 })),
    method: maybe(
      2,
      fc.oneof(fc.record({ method: oneOf('GET', 'POST') }), oneOf({ method: 'GET|POST', method_regex: true })),
    ),
    precedence: maybe(2, oneOf(-1, 0, 1, 1)),
    weight: maybe(4, oneOf(0, 10, 30, 50, 50)),
    bypass_auth: maybe(1, fc.boolean()),
    add_request_headers: maybe(2, additions),
    remove_request_headers: maybe(1, oneOf(['x-t1'], ['x-t2', 'x-t3'])),
  })
  .map(({ path: pathFields, hostFields: hosts, action: rest, method, ...fields }) =>
    written({ ...pathFields, ...hosts, ...rest, ...method, ...fields }),
  )
  // Two regexes on the host: the second sees the port as well, which nobody has written yet.
  .filter(({ host_regex: regex, regex_headers: more }) => regex !== true || more?.[':authority'] === undefined);

/** v2 has no `hostname`, its `host` may be a glob, and `true` asks for presence. */
const v2Spec: fc.Arbitrary<NaiveMappingSpec> = fc
  .record({
    path,
    service: oneOf('svc', 'svc:8080'),
    host: maybe(6, oneOf(...MAPPING_HOSTNAMES)),
    headers: maybe(4, fc.dictionary(oneOf('x-t1', 'x-t2'), oneOf<string | true>('1', true), { maxKeys: 2 })),
    weight: maybe(4, oneOf(0, 10, 30)),
  })
  .map(({ path: pathFields, ...fields }) => written({ ...pathFields, ...fields }));

const meta = fc.record({ namespace: oneOf('default', 'default', 'other'), labels: oneOf(...LABELS) });

/**
 * Several specs of one list are often copies with another service and weight: canaries. The flattened
 * and core fields are drawn anew for some of them.
 */
const mappings: fc.Arbitrary<readonly NaiveMapping[]> = fc
  .array(
    fc.record({
      like: fc.option(fc.nat(7), { freq: 2 }),
      version: fc.constantFrom<'v2' | 'v3alpha1'>('v3alpha1', 'v3alpha1', 'v3alpha1', 'v2'),
      v2: v2Spec,
      v3: v3Spec,
      meta,
      canary: fc.record({ service: oneOf('canary', 'other:9000'), weight: maybe(5, oneOf(0, 5, 10, 15, 20, 100)) }),
      flags: maybe(
        3,
        oneOf(
          { prefix_regex: true },
          { prefix_regex: undefined, prefix_exact: undefined },
          { bypass_auth: false },
          { prefix_exact: false },
          { precedence: 1 },
        ),
      ),
      labels: maybe(2, oneOf(...LABELS)),
      rewriteAnew: fc.boolean(),
    }),
    { minLength: 1, maxLength: NAMES.length },
  )
  .map((drafts) => {
    const result: NaiveMapping[] = [];
    for (const [index, draft] of drafts.entries()) {
      const model = draft.like === null ? undefined : result[draft.like % Math.max(result.length, 1)];
      const own = draft.version === 'v2' ? draft.v2 : draft.v3;
      const { weight: _weight, regex_rewrite: rewritten, ...copied } = model?.spec ?? own;
      const spec =
        model === undefined
          ? own
          : { ...copied, ...(draft.rewriteAnew ? {} : { regex_rewrite: rewritten }), ...draft.canary, ...draft.flags };
      result.push({
        kind: 'Mapping',
        version: model?.version ?? draft.version,
        meta: {
          name: NAMES[index] ?? 'm',
          namespace: draft.meta.namespace,
          labels: draft.labels ?? model?.meta.labels ?? draft.meta.labels,
        },
        spec: written(spec),
      });
    }
    return result;
  });

const hosts: fc.Arbitrary<readonly NaiveHost[]> = fc
  .array(
    fc.record({
      meta,
      hostname: maybe(9, oneOf(...HOSTNAMES)),
      selector: maybe(3, oneOf({ app: 'web' }, { app: 'api' }, {})),
      action: maybe(7, oneOf<'Redirect' | 'Reject' | 'Route'>('Redirect', 'Reject', 'Route', 'Route')),
    }),
    { maxLength: 5 },
  )
  .map((drafts) =>
    drafts.map(({ meta: { namespace, labels }, hostname, selector, action: insecure }, index) => ({
      kind: 'Host',
      meta: { name: `h${index}`, namespace, labels },
      spec: written({
        hostname,
        mappingSelector: selector === undefined ? undefined : { matchLabels: selector },
        requestPolicy: insecure === undefined ? undefined : { insecure: { action: insecure } },
      }),
    })),
  );

const binding = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ namespace: { from: 'ALL' as const } }) },
  { weight: 1, arbitrary: fc.constant({ namespace: { from: 'SELF' as const } }) },
  { weight: 1, arbitrary: fc.constant({ selector: { matchLabels: { app: 'web' } } }) },
);
const listeners: fc.Arbitrary<readonly NaiveListener[]> = fc.subarray(['HTTP', 'HTTPS'] as const).chain((protocols) =>
  fc.tuple(
    ...protocols.map((protocol) =>
      fc
        .record({
          securityModel: oneOf('XFP' as const, 'SECURE' as const, 'INSECURE' as const),
          l7Depth: oneOf(0, 1),
          hostBinding: binding,
        })
        .map((spec): NaiveListener => ({
          kind: 'Listener',
          meta: { name: protocol.toLowerCase(), namespace: 'default', labels: {} },
          spec: { port: 8080, protocol, ...spec },
        })),
    ),
  ),
);

export const naiveResources: fc.Arbitrary<NaiveResources> = fc.record({
  mappings,
  hosts: fc.oneof(fc.constant([]), hosts),
  listeners: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: listeners }),
});

const request: fc.Arbitrary<NaiveRequest> = fc.record({
  transport: oneOf('http' as const, 'https' as const),
  host: oneOf('a.test', 'b.test', 'x.a.test', 'A.test', 'a.test:8443', 'xa.test', 'a.other', 'c.example', 'a.test:80'),
  method: oneOf('GET', 'GET', 'POST', 'PUT'),
  path: oneOf(
    '/',
    '/a',
    '/a/',
    '/a/b',
    '/a/b/c',
    '/ab',
    '/ab/cd',
    '/A/',
    '/a/B',
    '/zz',
    '/.well-known/acme-challenge/t',
  ),
  query: fc.oneof(fc.constant(null), oneOf('', 'q=1', 'q=two&p=1', 'p', 'q=&q=1', 'p=1&q=1')),
  headers: fc
    .record({
      own: fc.dictionary(oneOf('x-t1', 'x-t2', 'x-t3'), oneOf('1', 'two'), { maxKeys: 3 }),
      proto: maybe(5, oneOf('https', 'https', 'http', 'https, http')),
    })
    .map(({ own, proto }) => (proto === undefined ? own : { ...own, 'x-forwarded-proto': proto })),
  r: fc.nat(9999).map((number) => number / 100),
});

/** Where a request is bent toward what one of the Mappings asks for, so that most requests meet something. */
export type Aim = {
  readonly request: NaiveRequest;
  readonly at: number | null;
  readonly parts: readonly ('host' | 'path' | 'method' | 'headers' | 'query')[];
};

export const naiveAim: fc.Arbitrary<Aim> = fc.record({
  request,
  at: fc.option(fc.nat(8), { freq: 4 }),
  parts: fc.oneof(
    { weight: 2, arbitrary: fc.constant(['host', 'path', 'method', 'headers', 'query'] as const) },
    { weight: 1, arbitrary: fc.subarray(['host', 'path', 'method', 'headers', 'query'] as const) },
  ),
});

export function aimedRequest({ request: blind, at, parts }: Aim, { mappings: targets }: NaiveResources): NaiveRequest {
  const target = at === null ? undefined : targets[at % targets.length];
  if (target === undefined) return blind;
  const { spec } = target;
  const hostname = spec.hostname ?? (spec.host_regex === true ? undefined : spec.host);
  const fields: { readonly [Part in Aim['parts'][number]]: Partial<NaiveRequest> } = {
    host: hostname === undefined || hostname === '*' ? {} : { host: hostname.replace('*', 'x') },
    path: spec.prefix_regex === true || blind.path.startsWith(spec.prefix) ? {} : { path: spec.prefix },
    method: spec.method === undefined ? {} : { method: spec.method.replace('|POST', '') },
    headers: { headers: { ...blind.headers, ...wantedValues(spec.headers), ...wantedValues(spec.regex_headers) } },
    query: {
      query:
        [
          ...Object.entries(wantedValues(spec.query_parameters)),
          ...Object.entries(wantedValues(spec.regex_query_parameters)),
        ]
          .map((pair) => pair.join('='))
          .join('&') || blind.query,
    },
  };
  return Object.assign({}, blind, ...parts.map((part) => fields[part]));
}

/** Values as written; a regex or a presence test is content with `1`. */
function wantedValues(
  conditions: Readonly<Record<string, string | true>> | undefined,
): Readonly<Record<string, string>> {
  const real = Object.entries(conditions ?? {}).filter(([name]) => !name.startsWith(':'));
  return Object.fromEntries(
    real.map(([name, value]) => [
      name.startsWith('x-') || name.startsWith('X-') ? name.toLowerCase() : name,
      isPlain(value) ? value : '1',
    ]),
  );
}

function isPlain(value: string | true): value is string {
  return value === 'two' || value === '';
}
