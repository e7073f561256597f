import { describe, expect, it } from 'vitest';
import { buildWithLastGood, type BuildRun, type LastGoodResult } from '../../src/compile/build-with-last-good.ts';
import { compileModel } from '../../src/compile/compile-model.ts';
import { KeyOrder } from '../../src/compile/key-order.ts';
import { PlainForm, type ManifestObject } from '../../src/compile/last-accepted.ts';
import { finding, resourceKey, type Finding } from '../../src/diagnostics/finding.ts';
import type { AcceptedResources } from '../../src/program/accepted.ts';
import {
  authServiceFields,
  externalFields,
  gatewayExternalFields,
} from '../../src/resources/ambassador/external-shape.ts';
import { apiKeyFields, jwtFields } from '../../src/resources/ambassador/filter-shape.ts';
import { aMatch, aModel, aRoute } from '../oracle/model-builder.ts';

const MONDAY = '2026-03-02T08:00:00.000Z';
const TUESDAY = '2026-03-03T09:30:00.000Z';

function anObject(name: string, spec: Record<string, unknown>, kind = 'Mapping'): ManifestObject {
  return {
    apiVersion: 'getambassador.io/v3alpha1',
    kind,
    metadata: {
      name,
      namespace: 'default',
      labels: {},
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
      generation: null,
      creationTimestamp: null,
    },
    spec,
    source: { kind, namespace: 'default', name, file: 'all.yaml', line: 1 },
    locate: () => null,
  };
}

/** Stands for normalising and translating: `bad: true` is an error, `prefix` the route. `conflictsWith` names another's prefix. */
function run(objects: readonly ManifestObject[], staleSince: ReadonlyMap<string, string>): BuildRun {
  const findings: Finding[] = [];
  const prefixes = new Set(objects.map(({ spec }) => spec.prefix));
  const routes = objects.map((object) => {
    const { spec, source } = object;
    if (spec.bad === true) findings.push(finding('error', 'bad', 'It is bad.', { source }));
    if (spec.conflictsWith !== undefined && prefixes.has(spec.conflictsWith)) {
      findings.push(finding('error', 'conflict', 'It conflicts.', { source }));
    }
    return aRoute(source.name, {
      matches: [aMatch(String(spec.prefix))],
      staleSince: staleSince.get(resourceKey(source)) ?? null,
      ...(spec.bad === true ? { action: { kind: 'refuse', status: 500, code: 'resource-invalid', message: 'x' } } : {}),
    });
  });
  const model = aModel(routes);
  return {
    model,
    program: compileModel(model, { target: 'self-hosted', unresolved: 'refuse' }, (one) => findings.push(one)),
    findings,
    resources: objects.map(({ source }) => source),
  };
}

function all(fields: object): Record<string, number> {
  return Object.fromEntries(Object.keys(fields).map((name) => [name, 1]));
}

function serviceOf(service: string): ManifestObject {
  return anObject('web', { prefix: '/v1/', service });
}

/** As `run`, in an environment where the service `lost` cannot be reached. */
function runUnreachable(objects: readonly ManifestObject[], since: ReadonlyMap<string, string>): BuildRun {
  const result = run(objects, since);
  const findings = objects
    .filter(({ spec }) => spec.service === 'lost')
    .map(({ source }) => finding('warning', 'upstream-unresolved', 'No way.', { source }));
  return { ...result, findings: [...result.findings, ...findings] };
}

function build(
  objects: readonly ManifestObject[],
  previous: AcceptedResources = {},
  now = MONDAY,
  initialFindings: readonly Finding[] = [],
): LastGoodResult {
  return buildWithLastGood(
    { objects, initialFindings, previous, now, plain: new PlainForm(), order: new KeyOrder() },
    run,
  );
}
function served(result: LastGoodResult): readonly (readonly unknown[])[] {
  return Object.values(result.program.tables)
    .flat()
    .map(({ source, matches, action, staleSince }) =>
      [source.name, matches[0]?.path, action.kind, staleSince ?? null].map((part) =>
        typeof part === 'object' && part !== null && 'value' in part ? part.value : part,
      ),
    );
}

const good = anObject('web', { prefix: '/v1/' });
const broken = anObject('web', { prefix: '/v2/', bad: true });
const other = anObject('api', { prefix: '/api/' });

describe('buildWithLastGood', () => {
  it('accepts what is good, as plain JSON without place and without foreign annotations', () => {
    const result = build([good, other]);
    expect(Object.keys(result.accepted)).toEqual(['Mapping/default/api', 'Mapping/default/web']);
    expect(result.accepted['Mapping/default/web']).toEqual({
      object: {
        apiVersion: 'getambassador.io/v3alpha1',
        kind: 'Mapping',
        metadata: {
          name: 'web',
          namespace: 'default',
          labels: {},
          annotations: {},
          generation: null,
          creationTimestamp: null,
        },
        spec: { prefix: '/v1/' },
      },
      staleSince: null,
    });
    expect(JSON.parse(JSON.stringify(result.accepted))).toEqual(result.accepted);
    expect(result.statuses.map(({ state }) => state)).toEqual(['accepted', 'accepted']);
  });

  it('never keeps a secret', () => {
    const filter = anObject(
      'login',
      { ambassador_id: ['default'], OAuth2: { clientID: 'a', secret: 'hush' } },
      'Filter',
    );
    const { accepted } = build([filter, anObject('tls', { key: 'hush' }, 'Secret')]);
    expect(Object.keys(accepted)).toEqual(['Filter/default/login']);
    expect(JSON.stringify(accepted)).not.toContain('hush');
  });

  it('keeps of Filters and AuthServices what they can be rebuilt from, and nothing beside it', () => {
    const jwt = { jwksURI: 'https://keys.test/', secret: 'hush', issuer: 'me' };
    const { accepted } = build([
      anObject('jwt', { ambassador_id: ['default'], JWT: jwt, note: 'hush' }, 'Filter'),
      anObject('login', { type: 'oauth2', oauth2: { clientSecret: 'hush' } }, 'Filter'),
      anObject('odd', { External: 'hush' }, 'Filter'),
      anObject('auth', { auth_service: 'auth', timeout_ms: 1, password: 'hush' }, 'AuthService'),
      anObject('proven', { auth_service: 'auth', add_auth_headers: { 'x-key': 'hush' } }, 'AuthService'),
    ]);
    expect(Object.values(accepted).map(({ object }) => object.spec)).toEqual([
      { auth_service: 'auth', timeout_ms: 1 },
      { ambassador_id: ['default'], JWT: { jwksURI: 'https://keys.test/', issuer: 'me' } },
      { type: 'oauth2', oauth2: {} },
      { External: null },
    ]);
  });

  it('knows every field of the Filters it rebuilds', () => {
    const { add_auth_headers: _, ...sent } = authServiceFields;
    const { circuit_breakers, stats_name, v2ExplicitTLS, v3CircuitBreakers, v3StatsName, ...asked } = all(sent);
    const specs = [
      { JWT: all(jwtFields), jwt: all(jwtFields) },
      { APIKey: all(apiKeyFields), apikey: all(apiKeyFields) },
      { External: all(externalFields), external: { ...all(externalFields), ...all(gatewayExternalFields) } },
    ];
    const { accepted } = build([
      anObject('a', asked, 'AuthService'),
      ...specs.map((spec, index) => anObject(`f${index}`, spec, 'Filter')),
    ]);
    expect(Object.values(accepted).map(({ object }) => object.spec)).toEqual([asked, ...specs]);
    expect(Object.keys({ circuit_breakers, stats_name, v2ExplicitTLS, v3CircuitBreakers, v3StatsName })).toHaveLength(
      5,
    );
  });

  it('refuses a resource that was never good', () => {
    const result = build([broken, other]);
    expect(served(result)).toEqual([
      ['api', '/api/', 'forward', null],
      ['web', '/v2/', 'refuse', null],
    ]);
    expect(result.statuses).toMatchObject([{ state: 'accepted' }, { state: 'invalid', codes: ['bad'] }]);
    expect(Object.keys(result.accepted)).toEqual(['Mapping/default/api']);
  });

  it('serves the last good version, says so, and keeps the error', () => {
    const { accepted } = build([good, other]);
    const result = build([broken, other], accepted, TUESDAY);
    expect(served(result)).toEqual([
      ['api', '/api/', 'forward', null],
      ['web', '/v1/', 'forward', TUESDAY],
    ]);
    expect(result.findings).toMatchObject([
      { severity: 'error', code: 'bad', source: { name: 'web', file: 'all.yaml' } },
      { severity: 'warning', code: 'serving-last-accepted', message: expect.stringContaining(TUESDAY) },
    ]);
    expect(result.statuses).toMatchObject([
      { state: 'accepted' },
      { state: 'stale', codes: ['bad', 'serving-last-accepted'] },
    ]);
    expect(result.accepted['Mapping/default/web']?.staleSince).toBe(TUESDAY);
  });

  it('sets staleSince once: unchanged input later gives an equal program and equal kept resources', () => {
    const first = build([broken, other], build([good, other]).accepted, MONDAY);
    const second = build([broken, other], first.accepted, TUESDAY);
    expect(JSON.stringify(second.program)).toBe(JSON.stringify(first.program));
    expect(JSON.stringify(second.accepted)).toBe(JSON.stringify(first.accepted));
    expect(second.findings.find(({ code }) => code === 'serving-last-accepted')?.message).toContain('(25 h)');
  });

  it('returns to what is written once it is good again', () => {
    const stale = build([broken], build([good]).accepted);
    const repaired = build([anObject('web', { prefix: '/v3/' })], stale.accepted, TUESDAY);
    expect(served(repaired)).toEqual([['web', '/v3/', 'forward', null]]);
    expect(repaired.accepted['Mapping/default/web']).toMatchObject({
      object: { spec: { prefix: '/v3/' } },
      staleSince: null,
    });
    expect(served(build([good], stale.accepted, TUESDAY))).toEqual([['web', '/v1/', 'forward', null]]);
  });

  it('a deleted resource is gone', () => {
    const { accepted } = build([good, other]);
    const result = build([other], accepted);
    expect(served(result)).toEqual([['api', '/api/', 'forward', null]]);
    expect(Object.keys(result.accepted)).toEqual(['Mapping/default/api']);
  });

  it('a resource whose text cannot be read is not deleted', () => {
    const { accepted } = build([good, other]);
    const unreadable = finding('error', 'yaml-invalid', 'It is not YAML.', {
      source: { kind: 'Mapping', namespace: 'default', name: 'web', file: 'all.yaml', line: 9 },
    });
    const result = build([other], accepted, TUESDAY, [unreadable]);
    expect(served(result)).toContainEqual(['web', '/v1/', 'forward', TUESDAY]);
    expect(result.findings.map(({ code }) => code)).toEqual(['yaml-invalid', 'serving-last-accepted']);
    expect(result.statuses).toContainEqual({
      source: unreadable.source,
      state: 'stale',
      codes: ['serving-last-accepted', 'yaml-invalid'],
    });
  });

  it('does not serve a stand-in that is itself broken today', () => {
    const earlier = build([anObject('web', { prefix: '/v1/', conflictsWith: '/api/' })]).accepted;
    const result = build([broken, other], earlier, TUESDAY);
    expect(served(result)).toContainEqual(['web', '/v2/', 'refuse', null]);
    expect(result.findings.map(({ code }) => code)).toEqual(['bad']);
    // Kept, for the day it can serve again.
    expect(result.accepted['Mapping/default/web']).toEqual(earlier['Mapping/default/web']);
  });

  it('what was wrong only beside the broken resource is accepted', () => {
    const beside = anObject('beside', { prefix: '/beside/', conflictsWith: '/v2/' });
    const result = build([broken, beside], build([good]).accepted);
    expect(Object.keys(result.accepted)).toEqual(['Mapping/default/beside', 'Mapping/default/web']);
    expect(result.findings.map(({ code }) => code).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'bad',
      'serving-last-accepted',
    ]);
  });

  it('an earlier version stands in when the new one cannot be reached', () => {
    const context = { initialFindings: [], now: MONDAY, plain: new PlainForm(), order: new KeyOrder() };
    const { accepted } = buildWithLastGood({ ...context, objects: [serviceOf('here')], previous: {} }, runUnreachable);
    const result = buildWithLastGood({ ...context, objects: [serviceOf('lost')], previous: accepted }, runUnreachable);
    expect(result.statuses).toMatchObject([
      { state: 'stale', codes: ['serving-last-accepted', 'upstream-unresolved'] },
    ]);
  });
});
