import { describe, expect, it } from 'vitest';
import type { MappingSpec } from '../../../src/resources/ambassador/types.ts';
import { manifest, mappingWith, normalize } from './normalized.ts';

const specOf = (text: string): MappingSpec | undefined => normalize(text).mappings[0]?.spec;

describe('wrong values', () => {
  it('says object, path, line, what was expected, what was found and the cure', () => {
    const { findings, mappings } = normalize(mappingWith('timeout_ms: 3s'));
    expect(findings).toEqual([
      {
        severity: 'error',
        code: 'field-invalid',
        message:
          '`spec.timeout_ms` must be a whole number of milliseconds, 0 to 2147483647, but is the text `3s`. Its requests are refused until it is corrected.',
        source: { kind: 'Mapping', namespace: 'shop', name: 'x', file: 'a.yaml', line: 7 },
        path: 'spec.timeout_ms',
        hint: 'Write milliseconds without quotes and without a unit, for example `3000`.',
      },
    ]);
    expect(mappings[0]?.invalid).toMatchObject([{ path: 'spec.timeout_ms', code: 'field-invalid' }]);
  });

  it.each([
    ['prefix_regex: maybe', 'spec.prefix_regex'],
    ['timeout_ms: -1', 'spec.timeout_ms'],
    ['timeout_ms: 1.5', 'spec.timeout_ms'],
    ['timeout_ms: .inf', 'spec.timeout_ms'],
    ['idle_timeout_ms: "3000"', 'spec.idle_timeout_ms'],
    ['weight: "10"', 'spec.weight'],
    ['precedence: high', 'spec.precedence'],
    ['redirect_response_code: [301]', 'spec.redirect_response_code'],
    ['hostname: 5', 'spec.hostname'],
    ['headers: [a]', 'spec.headers'],
    ['headers: { x-version: 2 }', 'spec.headers.x-version'],
    ['headers: { "x y": "2" }', 'spec.headers["x y"]'],
    ['regex_headers: { x: true }', 'spec.regex_headers.x'],
    ['cors: { origins: 5 }', 'spec.cors.origins'],
    ['cors: { origins: [a, 5] }', 'spec.cors.origins[1]'],
    ['cors: { origins: "*", max_age: soon }', 'spec.cors.max_age'],
    ['cors: { origins: "*", credentials: 1 }', 'spec.cors.credentials'],
    ['regex_rewrite: { pattern: a }', 'spec.regex_rewrite.substitution'],
    ['regex_redirect: { substitution: a }', 'spec.regex_redirect.pattern'],
    ['add_request_headers: { a: { append: true } }', 'spec.add_request_headers.a.value'],
    ['add_request_headers: { a: { value: "b\\nc" } }', 'spec.add_request_headers.a.value'],
    ['add_response_headers: { a: 1 }', 'spec.add_response_headers.a'],
    ['remove_request_headers: [a, 1]', 'spec.remove_request_headers[1]'],
    ['allow_upgrade: [1]', 'spec.allow_upgrade[0]'],
    ['rate_limits: {}', 'spec.rate_limits'],
    ['rate_limits: [{ limits: [] }]', 'spec.rate_limits[0].name'],
    ['rate_limits: [{ name: a }]', 'spec.rate_limits[0].limits'],
    ['rate_limits: [{ name: a, limits: [{ rate: 0, unit: day }] }]', 'spec.rate_limits[0].limits[0].rate'],
    ['rate_limits: [{ name: a, limits: [{ rate: 1, unit: week }] }]', 'spec.rate_limits[0].limits[0].unit'],
    [
      'rate_limits: [{ name: a, limits: [{ rate: 1, unit: day, pattern: 1 }] }]',
      'spec.rate_limits[0].limits[0].pattern',
    ],
    ['retry_policy: { retry_on: "5xx,gateway-error" }', 'spec.retry_policy.retry_on'],
    ['retry_policy: { num_retries: -1 }', 'spec.retry_policy.num_retries'],
    ['circuit_breakers: [{ priority: low }]', 'spec.circuit_breakers[0].priority'],
    ['resolver: endpoint\nload_balancer: { policy: fastest }', 'spec.load_balancer.policy'],
    ['resolver: endpoint\nload_balancer: { policy: round_robin, header: x }', 'spec.load_balancer'],
    ['resolver: endpoint\nload_balancer: { policy: maglev }', 'spec.load_balancer'],
    ['resolver: endpoint\nload_balancer: { policy: maglev, header: x, source_ip: true }', 'spec.load_balancer'],
    ['load_balancer: { policy: round_robin }', 'spec.load_balancer'],
    ['labels: { ambassador: [{ a: [], b: [] }] }', 'spec.labels.ambassador[0]'],
    ['labels: { ambassador: [{ a: [remote_address] }] }', 'spec.labels.ambassador[0].a[0]'],
    [
      'labels: { ambassador: [{ a: [{ remote_address: { key: ip } }] }] }',
      'spec.labels.ambassador[0].a[0].remote_address.key',
    ],
    ['labels: { ambassador: [{ a: [{ generic_key: {} }] }] }', 'spec.labels.ambassador[0].a[0].generic_key.value'],
    [
      'labels: { ambassador: [{ a: [{ request_headers: { key: k, header_name: ":scheme" } }] }] }',
      'spec.labels.ambassador[0].a[0].request_headers.header_name',
    ],
    [
      'error_response_overrides: [{ on_status_code: 200, body: { text_format: a } }]',
      'spec.error_response_overrides[0].on_status_code',
    ],
    ['error_response_overrides: [{ on_status_code: 404, body: {} }]', 'spec.error_response_overrides[0].body'],
  ])('%s', (more, path) => {
    const { findings, mappings } = normalize(mappingWith(more));
    const errors = findings.filter(({ severity }) => severity === 'error');
    expect(errors.map((found) => found.path)).toEqual([path]);
    expect(errors[0]?.message).toContain('refused until it is corrected');
    expect(mappings[0]?.invalid.map((field) => field.path)).toEqual([path]);
  });

  it('requires prefix and service', () => {
    const { problems, mappings } = normalize(manifest('Mapping', '{ prefix: null }'));
    expect(problems).toEqual(['error field-missing spec.prefix', 'error field-missing spec.service']);
    expect(mappings[0]?.invalid).toHaveLength(2);
  });

  it('only warns where the field changes nothing here', () => {
    const { problems, mappings } = normalize(
      mappingWith('docs: 5\nstats_name: [a]\ndns_type: fast\nkeepalive: { probes: x }'),
    );
    expect(problems).toEqual([
      'warning field-invalid spec.docs',
      'warning field-invalid spec.stats_name',
      'warning field-invalid spec.dns_type',
      'warning field-invalid spec.keepalive.probes',
    ]);
    expect(mappings[0]?.invalid).toEqual([]);
  });

  it('names the nearest field for one that is unknown, at any depth', () => {
    const { findings, mappings } = normalize(
      mappingWith('timeout_mss: 1\ncors: { origin: "*", origins: [] }\nzzzz: 1'),
    );
    expect(findings).toMatchObject([
      { severity: 'warning', code: 'field-unknown', path: 'spec.timeout_mss', hint: 'Did you mean `timeout_ms`?' },
      { severity: 'warning', code: 'field-unknown', path: 'spec.cors.origin', hint: 'Did you mean `origins`?' },
      { severity: 'warning', code: 'field-unknown', path: 'spec.zzzz', hint: expect.not.stringContaining('Did you') },
    ]);
    expect(mappings[0]?.invalid).toEqual([]);
  });

  it('takes an endpoint resolver, also the Module’s, for a load balancer', () => {
    const balanced = mappingWith('load_balancer: { policy: ring_hash, cookie: { name: c } }');
    const module =
      'apiVersion: getambassador.io/v2\nkind: Module\nmetadata: { name: ambassador }\nspec: { config: { resolver: endpoint } }\n';
    expect(normalize(`${balanced}---\n${module}`).problems).toEqual(['warning not-yet-enforced spec.load_balancer']);
    expect(normalize(balanced).mappings[0]?.invalid).toMatchObject([{ path: 'spec.load_balancer' }]);
  });
});

describe('leniencies', () => {
  it('reads YAML 1.1 booleans, and says so', () => {
    const { mappings, problems } = normalize(mappingWith('prefix_exact: yes\ngrpc: "off"'));
    expect(mappings[0]?.spec).toMatchObject({ prefix_exact: true, grpc: false });
    expect(problems).toEqual(['warning boolean-as-text spec.prefix_exact', 'warning boolean-as-text spec.grpc']);
  });

  it('treats null, and empty text where it says nothing, as absent', () => {
    const { mappings, findings } = normalize(
      mappingWith('cors: null\nhostname: ""\nmethod: ""\nresolver: ""\npath_redirect: ""\nrewrite: ""'),
    );
    expect(findings).toEqual([]);
    expect(mappings[0]?.spec).toEqual({ prefix: '/x/', service: 'svc', rewrite: '', other: {} });
  });

  it('takes bare text for lists and header values', () => {
    const spec = specOf(
      mappingWith(
        'remove_request_headers: x-a\nallow_upgrade: websocket\nadd_request_headers: { a: b, c: { value: d, append: false } }\ncors: { origins: "*", max_age: 600 }',
      ),
    );
    expect(spec).toMatchObject({
      remove_request_headers: ['x-a'],
      allow_upgrade: ['websocket'],
      add_request_headers: { a: { value: 'b', append: true }, c: { value: 'd', append: false } },
      cors: { origins: ['*'], max_age: '600' },
    });
  });

  it('splits text with commas: trimmed in v3alpha1, as it is in v1 and v2', () => {
    const text = 'cors: { origins: "a, b", methods: "GET,POST" }';
    const current = normalize(mappingWith(text));
    expect(current.mappings[0]?.spec.cors).toEqual({ origins: ['a', 'b'], methods: ['GET', 'POST'] });
    expect(current.findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual([
      'info list-from-text',
      'info list-from-text',
    ]);
    const legacy = normalize(mappingWith(text, 'v2'));
    expect(legacy.mappings[0]?.spec.cors).toEqual({ origins: ['a', ' b'], methods: ['GET', 'POST'] });
    expect(legacy.problems).toEqual(['warning list-spaces-kept spec.cors.origins']);
  });

  it('lets no origin in when none is named', () => {
    const { mappings, problems } = normalize(mappingWith('cors: { methods: [GET] }'));
    expect(mappings[0]?.spec.cors).toEqual({ origins: [], methods: ['GET'] });
    expect(problems).toEqual(['warning cors-without-origins spec.cors']);
  });

  it('takes a limit for every path and a unit in any case', () => {
    const spec = specOf(mappingWith('rate_limits: [{ name: a, limits: [{ rate: 5, unit: Minute }] }]'));
    expect(spec?.rate_limits).toEqual([{ name: 'a', limits: [{ pattern: '*', rate: 5, unit: 'minute' }] }]);
  });

  it('accepts presence in headers and query, and keeps odd names', () => {
    const spec = specOf(mappingWith('headers: { x-a: true, __proto__: "1" }\nquery_parameters: { q: true }'));
    expect(Object.entries(spec?.headers ?? {})).toEqual([
      ['x-a', true],
      ['__proto__', '1'],
    ]);
    expect(spec?.query_parameters).toEqual({ q: true });
  });
});

describe('v1 and v2', () => {
  it.each([
    ['host: a.com', { hostname: 'a.com' }],
    ['host: ""', { hostname: '*' }],
    ['precedence: 0', { hostname: '*' }],
    ['host: ".*"\nhost_regex: true', { host: '.*', host_regex: true }],
    ['host: a.com\nhostname: b.com', { hostname: 'b.com' }],
    ['host_regex: true', { hostname: '*' }],
  ])('%s', (more, expected) => {
    for (const version of ['v1', 'v2']) {
      const spec = specOf(mappingWith(more, version));
      expect(spec).toMatchObject(expected);
      expect(Object.hasOwn(spec ?? {}, 'host')).toBe('host' in expected);
    }
  });

  it('finds the line of a hostname where `host` was written', () => {
    expect(normalize(mappingWith('host: a.com', 'v2')).mappings[0]?.locate('spec.hostname')).toBe(7);
  });

  it('keeps `host` and a missing hostname in v3alpha1', () => {
    expect(specOf(mappingWith('host: a.com'))).toMatchObject({ host: 'a.com' });
    expect(specOf(mappingWith('precedence: 0'))).not.toHaveProperty('hostname');
  });

  it('makes a presence test a regex, beside those that are there', () => {
    const spec = specOf(
      mappingWith('headers: { a: true, b: "1" }\nregex_headers: { c: x }\nquery_parameters: { q: true }', 'v2'),
    );
    expect(spec).toMatchObject({
      headers: { b: '1' },
      regex_headers: { a: '.*', c: 'x' },
      regex_query_parameters: { q: '.*' },
    });
    expect(spec).not.toHaveProperty('query_parameters');
  });

  it('reads empty header additions, TLS switches and the shorthands of labels', () => {
    const { mappings, problems } = normalize(
      mappingWith(
        'tls: true\nadd_request_headers: { a: null, b: c }\nlabels: { ambassador: [{ g: [remote_address, foo, { k: { header: H, omit_if_not_present: true } }] }] }',
        'v2',
      ),
    );
    expect(problems).toEqual([]);
    expect(mappings[0]?.spec).toMatchObject({
      tls: true,
      service: 'svc',
      add_request_headers: { a: { value: '', append: true }, b: { value: 'c', append: true } },
      labels: {
        ambassador: [
          {
            g: [
              { remote_address: { key: 'remote_address' } },
              { generic_key: { value: 'foo', v2Shorthand: true } },
              { request_headers: { key: 'k', header_name: 'H', omit_if_not_present: true } },
            ],
          },
        ],
      },
    });
  });
});

describe('fields that are not carried', () => {
  it('names each once, unless it is switched off', () => {
    const { findings, mappings } = normalize(
      mappingWith(
        'retry_policy: { retry_on: 5xx }\ncircuit_breakers: []\nkeepalive: { probes: 1 }\nuse_websocket: true\nshadow: true\nlabels: {}',
      ),
    );
    expect(findings.map(({ severity, code, path }) => [severity, code, path])).toEqual([
      ['warning', 'not-yet-enforced', 'spec.retry_policy'],
      ['info', 'no-effect-at-edge', 'spec.keepalive'],
    ]);
    expect(mappings[0]?.spec.other).toEqual({
      retry_policy: { retry_on: '5xx' },
      circuit_breakers: [],
      keepalive: { probes: 1 },
      use_websocket: true,
    });
  });
});
