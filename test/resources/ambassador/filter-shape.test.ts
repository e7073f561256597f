import { describe, expect, it } from 'vitest';
import { parseGoDuration } from '../../../src/resources/ambassador/duration.ts';
import { manifest, normalize } from './normalized.ts';

const edge = (spec: string) => read(manifest('Filter', spec));
const gateway = (spec: string) =>
  read(manifest('Filter', spec).replace('getambassador.io/v3alpha1', 'gateway.getambassador.io/v1alpha1'));

function read(yaml: string) {
  const { filters, problems, findings } = normalize(yaml);
  return { spec: filters[0]?.spec, invalid: filters[0]?.invalid.map(({ path }) => path), problems, findings };
}

describe('Filter', () => {
  it('reads each kind of both groups', () => {
    expect(edge('{ JWT: { jwksURI: "https://k/" } }')).toMatchObject({
      spec: { type: 'JWT', at: 'spec.JWT' },
      problems: [],
    });
    expect(gateway('{ type: jwt, jwt: { jwksURI: "https://k/" } }')).toMatchObject({
      spec: { type: 'JWT', at: 'spec.jwt', group: 'gateway' },
      problems: [],
    });
    expect(edge('{ APIKey: { keys: [{ secretName: s }] } }').spec).toMatchObject({
      apiKey: { keys: [{ secretName: 's' }] },
    });
    expect(edge('{ OAuth2: { secret: hush } }')).toMatchObject({ spec: { type: 'OAuth2' }, problems: [] });
    expect(gateway('{ type: plugin, plugin: { name: x } }')).toMatchObject({ spec: { type: 'Plugin' }, problems: [] });
  });

  it('never repeats what stands in an OAuth2 Filter', () => {
    const { findings, spec } = edge('{ OAuth2: { secret: hush }, JWT: { jwksURI: "https://k/" } }');
    expect(JSON.stringify([findings, spec])).not.toContain('hush');
  });

  it.each<[string, string, string[]]>([
    ['none', '{}', ['error field-invalid spec']],
    ['two', '{ JWT: { jwksURI: a }, OAuth2: {} }', ['error field-invalid spec']],
    ['a misspelt one', '{ Jwt: {} }', ['warning field-unknown spec.Jwt', 'error field-invalid spec']],
    ['one that is no mapping', '{ JWT: [] }', ['error field-invalid spec.JWT']],
    ['no key set', '{ JWT: { issuer: a } }', ['error field-missing spec.JWT.jwksURI']],
    [
      'an algorithm that does not exist',
      '{ JWT: { jwksURI: a, validAlgorithms: [RS255] } }',
      ['error field-invalid spec.JWT.validAlgorithms[0]'],
    ],
    [
      'a duration',
      '{ JWT: { jwksURI: a, leewayForExpiresAt: 5 } }',
      ['error field-invalid spec.JWT.leewayForExpiresAt'],
    ],
    [
      'a negative duration',
      '{ JWT: { jwksURI: a, leewayForExpiresAt: "-5s" } }',
      ['error field-invalid spec.JWT.leewayForExpiresAt'],
    ],
    [
      'a header name',
      '{ JWT: { jwksURI: a, injectRequestHeaders: [{ name: ":path", value: x }] } }',
      ['error field-invalid spec.JWT.injectRequestHeaders[0].name'],
    ],
    ['an unknown field', '{ JWT: { jwksURI: a, jwksUrl: b } }', ['warning field-unknown spec.JWT.jwksUrl']],
    ['no keys', '{ APIKey: { keys: [] } }', ['error field-missing spec.APIKey.keys']],
    ['no service', '{ External: {} }', ['error field-missing spec.External.auth_service']],
    [
      'half a body',
      '{ External: { auth_service: a, include_body: { max_bytes: 5 } } }',
      ['error field-missing spec.External.include_body.allow_partial'],
    ],
    [
      'a status that lets pass',
      '{ External: { auth_service: a, status_on_error: { code: 200 } } }',
      ['error field-invalid spec.External.status_on_error.code'],
    ],
  ])('says what is wrong with %s', (_name, spec, problems) => {
    const found = edge(spec);
    expect(found.problems).toEqual(problems);
    if (problems.some((one) => one.startsWith('error'))) expect(found.invalid).not.toEqual([]);
  });

  it.each<[string, string, string[]]>([
    ['no type', '{ jwt: {} }', ['error field-missing spec.type']],
    ['a type that does not exist', '{ type: JWT, jwt: {} }', ['error field-invalid spec.type']],
    ['no member', '{ type: jwt }', ['error field-missing spec.jwt']],
    [
      'no URL',
      '{ type: external, external: { protocol: http } }',
      ['error field-missing spec.external.authServiceURL'],
    ],
  ])('of v1alpha1 with %s', (_name, spec, problems) => expect(gateway(spec).problems).toEqual(problems));

  it('says what has no effect', () => {
    const { findings } = edge('{ JWT: { jwksURI: a, renegotiateTLS: never } }');
    expect(findings).toMatchObject([{ severity: 'info', code: 'no-effect-at-edge', path: 'spec.JWT.renegotiateTLS' }]);
  });

  it('reads an External Filter the same in all its spellings', () => {
    const older = edge(
      `External:
  auth_service: https://auth.test/
  timeout_ms: 1500
  path_prefix: /check
  allowed_request_headers: [x-a]
  allowed_authorization_headers: [x-b]
  include_body: { max_bytes: 10, allow_partial: false }
  status_on_error: { code: 503 }
  failure_mode_allow: true`,
    ).spec;
    const newer = gateway(
      `type: external
external:
  authServiceURL: https://auth.test/
  timeout: 1.5s
  httpSettings: { pathPrefix: /check, allowedRequestHeaders: [x-a], allowedAuthorizationHeaders: [x-b] }
  include_body: { maxBytes: 10, allowPartial: false }
  statusOnError: 503
  failureModeAllow: true`,
    ).spec;
    const expected = {
      service: 'https://auth.test/',
      proto: 'http',
      tls: false,
      timeoutMs: 1500,
      pathPrefix: '/check',
      allowedRequestHeaders: ['x-a'],
      allowedAuthorizationHeaders: ['x-b'],
      includeBody: { maxBytes: 10, allowPartial: false },
      statusOnError: 503,
      failureModeAllow: true,
    };
    expect(older).toMatchObject({ external: { ...expected, isUrl: false } });
    expect(newer).toMatchObject({ external: { ...expected, isUrl: true } });
  });
});

it.each([
  ['0', 0],
  ['1h30m', 5_400_000],
  ['1.5s', 1_500],
  ['.5s', 500],
  ['-2ms', -2],
  ['+1us', 0.001],
  ['1', null],
  ['s', null],
  ['1 s', null],
  ['', null],
])('a duration %s is %s ms', (text, expected) => expect(parseGoDuration(text)).toBe(expected));

describe('FilterPolicy', () => {
  it('reads rules of both groups', () => {
    const { filterPolicies, problems } = normalize(
      `${manifest('FilterPolicy', '{ rules: [{ host: a, path: /b, precedence: 3, filters: [{ name: f }] }] }')}---
${manifest('FilterPolicy', '{ rules: [{ filterRefs: [{ name: f, namespace: n, ifRequestHeader: { type: RegularExpression, name: x, value: y } }] }] }', 'v3alpha1', 'y').replace('getambassador.io/v3alpha1', 'gateway.getambassador.io/v1alpha1')}`,
    );
    expect(problems).toEqual([]);
    expect(filterPolicies.map(({ spec }) => spec.rules[0])).toMatchObject([
      {
        host: 'a',
        path: '/b',
        precedence: 3,
        uses: [{ name: 'f', namespace: null, onDeny: 'break', onAllow: 'continue' }],
      },
      {
        host: '*',
        path: '*',
        precedence: 0,
        uses: [{ namespace: 'n', ifRequestHeader: { name: 'x', valueRegex: 'y' } }],
      },
    ]);
  });

  it.each<[string, string[]]>([
    ['{ rules: x }', ['error field-invalid spec.rules']],
    ['{ rules: [x] }', ['error field-invalid spec.rules[0]']],
    ['{ rules: [{ host: 1 }] }', ['error field-invalid spec.rules[0].host']],
    ['{ rules: [{ filters: [{}] }] }', ['error field-missing spec.rules[0].filters[0].name']],
    ['{ rules: [{ filters: [{ name: a, onDeny: stop }] }] }', ['error field-invalid spec.rules[0].filters[0].onDeny']],
    [
      '{ rules: [{ filters: [{ name: a, ifRequestHeader: { name: x, value: a, valueRegex: b } }] }] }',
      ['error field-invalid spec.rules[0].filters[0].ifRequestHeader'],
    ],
    [
      '{ rules: [{ filters: [{ name: a, arguments: { scope: 7 } }] }] }',
      ['error field-invalid spec.rules[0].filters[0].arguments.scope'],
    ],
    ['{ rules: [{ paths: /a }] }', ['warning field-unknown spec.rules[0].paths']],
    ['{ rule: [] }', ['warning field-unknown spec.rule']],
  ])('%s', (spec, problems) => {
    const found = normalize(manifest('FilterPolicy', spec));
    expect(found.problems).toEqual(problems);
    const isWrong = problems.some((one) => one.startsWith('error'));
    expect(found.filterPolicies[0]?.spec.rules.some(({ broken }) => broken)).toBe(isWrong);
  });
});

describe('AuthService', () => {
  it('reads its fields', () => {
    const { authServices, problems, findings } = normalize(
      manifest(
        'AuthService',
        '{ auth_service: "auth:3000", add_auth_headers: { x: y }, allow_request_body: true, tls: ctx, stats_name: s, circuit_breakers: [] }',
      ),
    );
    expect(problems).toEqual([]);
    expect(findings).toMatchObject([{ code: 'no-effect-at-edge', path: 'spec.stats_name' }]);
    expect(authServices[0]?.spec).toMatchObject({
      service: 'auth:3000',
      tls: 'ctx',
      addAuthHeaders: { x: 'y' },
      includeBody: { maxBytes: 4096, allowPartial: true },
    });
  });

  it.each<[string, string[]]>([
    ['{}', ['error field-missing spec.auth_service']],
    ['{ auth_service: a, proto: tcp }', ['error field-invalid spec.proto']],
    ['{ auth_service: a, timeout_ms: 5s }', ['error field-invalid spec.timeout_ms']],
    ['{ auth_service: a, fail_mode_allow: true }', ['warning field-unknown spec.fail_mode_allow']],
  ])('%s', (spec, problems) => expect(normalize(manifest('AuthService', spec)).problems).toEqual(problems));
});
