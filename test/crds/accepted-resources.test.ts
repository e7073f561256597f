/** What is accepted from a file is accepted by the cluster: a schema that is too narrow would lose routes. */
import { describe, expect, it } from 'vitest';
import { customResourceDefinitions } from '../../src/crds/definitions.ts';
import type { FieldSchema } from '../../src/resources/ambassador/field-schema.ts';
import { acceptedObjects } from './accepted-objects.ts';
import { validate } from './schema-validator.ts';

const schemas = new Map(
  customResourceDefinitions('1').map(({ spec }): [string, FieldSchema] => [
    spec.names.kind,
    spec.versions[0].schema.openAPIV3Schema,
  ]),
);

function schemaOf(kind: string): FieldSchema {
  const schema = schemas.get(kind);
  if (schema === undefined) throw new Error(`no definition of ${kind}`);
  return schema;
}

describe('what the check takes without an error', () => {
  const objects = acceptedObjects();

  it('is a good number of each kind', () => {
    const counts = Object.groupBy(objects, ({ kind }) => kind);
    expect(counts['Mapping']?.length).toBeGreaterThan(100);
    for (const kind of ['Host', 'Listener', 'Module']) expect(counts[kind]?.length).toBeGreaterThan(2);
  });

  it('is valid in the cluster', () => {
    const problems = objects.flatMap(({ kind, spec, source }) =>
      validate({ spec }, schemaOf(kind)).map((problem) => `${source.file} ${kind} ${source.name}: ${problem}`),
    );
    expect(problems).toEqual([]);
  });
});

describe('the schema', () => {
  const mapping = { prefix: '/a/', service: 'a' };

  it.each([
    ['unknown fields, which the check names', { ...mapping, rewrit: '/', cors: { origin: 'x' } }],
    [
      'lists as text',
      { ...mapping, cors: { origins: 'a, b' }, remove_request_headers: 'x-a', allow_upgrade: 'websocket' },
    ],
    ['lists', { ...mapping, cors: { origins: ['a'] }, remove_request_headers: ['x-a'], ambassador_id: ['a', 'b'] }],
    [
      'headers as text and as mappings',
      { ...mapping, add_request_headers: { a: 'b', c: { value: 'd', append: false } } },
    ],
    ['tests for presence', { ...mapping, headers: { 'x-a': true, 'x-b': 'c' } }],
    ['a time longer than the runtime can count', { ...mapping, timeout_ms: 5_000_000_000 }],
    ['a regex without a substitution', { ...mapping, regex_redirect: { pattern: 'a' } }],
    ['units in capitals', { ...mapping, rate_limits: [{ name: 'a', limits: [{ rate: 1, unit: 'Second' }] }] }],
    ['what Ambassador repairs', { ...mapping, dns_type: 'other', weight: 150, redirect_response_code: 400 }],
  ])('takes %s', (_, spec) => expect(validate({ spec }, schemaOf('Mapping'))).toEqual([]));

  it.each([
    ['.spec.service', { prefix: '/a/' }],
    ['.spec.timeout_ms', { ...mapping, timeout_ms: '3s' }],
    ['.spec.cors.credentials', { ...mapping, cors: { credentials: 'maybe' } }],
    ['.spec.cors.origins[1]', { ...mapping, cors: { origins: ['a', 5] } }],
    ['.spec.add_request_headers.a.append', { ...mapping, add_request_headers: { a: { append: 'no' } } }],
    [
      '.spec.rate_limits[0].limits[0].unit',
      { ...mapping, rate_limits: [{ name: 'a', limits: [{ rate: 1, unit: 'week' }] }] },
    ],
    [
      '.spec.rate_limits[0].limits[0].rate',
      { ...mapping, rate_limits: [{ name: 'a', limits: [{ rate: 0, unit: 'day' }] }] },
    ],
    ['.spec.retry_policy.retry_on', { ...mapping, retry_policy: { retry_on: 'always' } }],
    ['.spec.labels.d[0]', { ...mapping, labels: { d: [{ a: [], b: [] }] } }],
  ])('does not take a wrong %s', (at, spec) => {
    expect(validate({ spec }, schemaOf('Mapping')).map((problem) => problem.split(': ')[0])).toEqual([at]);
  });

  it('takes any value in the Module, which Ambassador’s own schema leaves free', () => {
    const config = { cors: 'no', lua_scripts: 5, xff_num_trusted_hops: '1', anything: [] };
    expect(validate({ spec: { config } }, schemaOf('Module'))).toEqual([]);
    expect(validate({ spec: { config: [] } }, schemaOf('Module'))).toEqual(['.spec.config: not of type object']);
  });
});
