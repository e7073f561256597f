import { describe, expect, it } from 'vitest';
import { manifest, normalize } from './normalized.ts';

const limit = (more: string) =>
  manifest('RateLimit', `domain: ambassador\nlimits:\n- { pattern: [{ a: b }], rate: 1, unit: hour, ${more} }`);

const service = (more: string) => normalize(manifest('RateLimitService', `service: s\n${more}`));
const module = (labels: string) =>
  normalize(
    `apiVersion: getambassador.io/v3alpha1\nkind: Module\nmetadata: { name: ambassador }\nspec: { config: { default_labels: ${labels} } }\n`,
  );

describe('RateLimit', () => {
  it('reads every field, units and actions in any case, of either version', () => {
    const written = `domain: d
limits:
- name: n
  action: LogOnly
  pattern: [{ generic_key: x, other: "*" }, { remote_address: }]
  rate: 10
  unit: Minute
  burstFactor: 2
  injectRequestHeaders: [{ name: x-a, value: b }]
  injectResponseHeaders: [{ name: x-b, value: c }]
  errorResponse: { headers: [{ name: x-c, value: d }], bodyTemplate: e }`;
    for (const version of ['v2', 'v3alpha1']) {
      const { rateLimits, findings } = normalize(manifest('RateLimit', written, version));
      expect(findings).toEqual([]);
      expect(rateLimits.map(({ spec }) => spec)).toEqual([
        {
          domain: 'd',
          limits: [
            {
              at: 'spec.limits[0]',
              index: 0,
              name: 'n',
              pattern: [{ generic_key: 'x', other: '*' }, { remote_address: '' }],
              logOnly: true,
              count: {
                rate: 10,
                unit: 'minute',
                burstFactor: 2,
                injectRequestHeaders: [{ name: 'x-a', value: 'b' }],
                injectResponseHeaders: [{ name: 'x-b', value: 'c' }],
                errorResponse: { headers: [{ name: 'x-c', value: 'd' }], bodyTemplate: 'e' },
              },
            },
          ],
        },
      ]);
    }
  });

  it('belongs to the installation that it names', () => {
    const mine = manifest('RateLimit', 'ambassador_id: [blue]\ndomain: d\nlimits: []');
    expect(normalize(mine).rateLimits).toEqual([]);
    expect(normalize(mine, { ambassadorId: 'blue' }).rateLimits).toHaveLength(1);
  });

  it.each([
    ['rate: 0', 'rate'],
    ['rate: 1000001', 'rate'],
    ['rate: 1.5', 'rate'],
    ['rate: "5"', 'rate'],
    ['unit: week', 'unit'],
    ['action: Deny', 'action'],
    ['burstFactor: -1', 'burstFactor'],
    ['pattern: {}', 'pattern'],
    ['pattern: [{}]', 'pattern[0]'],
    ['pattern: [{ a: 1 }]', 'pattern[0].a'],
    ['pattern: [a]', 'pattern[0]'],
    [`name: ${'n'.repeat(257)}`, 'name'],
    ['injectRequestHeaders: [{ name: "a b", value: c }]', 'injectRequestHeaders[0].name'],
    ['errorResponse: { headers: [{ name: a }] }', 'errorResponse.headers[0].value'],
    ['errorResponse: { bodyTemplate: 1 }', 'errorResponse.bodyTemplate'],
  ])('touches nothing but the limit: %s', (more, path) => {
    const key = more.split(':', 1)[0] ?? '';
    const fields = { pattern: '[{ a: b }]', rate: '1', unit: 'hour' };
    const others = Object.entries(fields).flatMap(([name, value]) => (name === key ? [] : `${name}: ${value}`));
    const written = `domain: d\nlimits:\n- { ${[...others, more].join(', ')} }\n- { pattern: [], rate: 1, unit: day }`;
    const { rateLimits, problems } = normalize(manifest('RateLimit', written));
    expect(problems).toEqual([`error field-${path.endsWith('.value') ? 'missing' : 'invalid'} spec.limits[0].${path}`]);
    const [first, second] = rateLimits[0]?.spec.limits ?? [];
    expect(first?.count).toBeNull();
    expect(first?.pattern === null).toBe(key === 'pattern');
    expect(second?.count).toMatchObject({ rate: 1, unit: 'day' });
  });

  it.each(['pattern', 'rate', 'unit'])('needs %s', (name) => {
    const fields = ['pattern: []', 'rate: 1', 'unit: day'].filter((field) => !field.startsWith(name));
    const { rateLimits, problems } = normalize(manifest('RateLimit', `domain: d\nlimits: [{ ${fields.join(', ')} }]`));
    expect(problems).toEqual([`error field-missing spec.limits[0].${name}`]);
    expect(rateLimits[0]?.spec.limits[0]?.count).toBeNull();
  });

  it('needs a domain, and says what it does not know', () => {
    expect(normalize(manifest('RateLimit', '{ limits: [] }')).problems).toEqual(['error field-missing spec.domain']);
    expect(normalize(manifest('RateLimit', 'domain: 7\nlimits: []')).problems).toEqual([
      'error field-invalid spec.domain',
    ]);
    const { problems, findings } = normalize(limit('burstfactor: 2'));
    expect(problems).toEqual(['warning field-unknown spec.limits[0].burstfactor']);
    expect(findings[0]?.hint).toContain('burstFactor');
  });
});

describe('RateLimitService', () => {
  it('reads its fields', () => {
    const { rateLimitServices, problems } = service(
      'domain: d\nfailure_mode_deny: true\ntimeout_ms: 30\nprotocol_version: v3\ntls: ctx',
    );
    expect(problems).toEqual([]);
    expect(rateLimitServices[0]?.spec).toEqual({ service: 's', tls: 'ctx', domain: 'd', denies: true, timeoutMs: 30 });
  });

  it('takes the dead grpc.use_resource_exhausted_code, and says that it does nothing (the schema has it, nothing reads it)', () => {
    const { findings, rateLimitServices } = service('grpc: { use_resource_exhausted_code: true }');
    expect(findings).toMatchObject([{ severity: 'info', code: 'no-effect-at-edge', path: 'spec.grpc' }]);
    expect(findings[0]?.message).toContain('use_resource_exhausted_code');
    expect(rateLimitServices[0]?.invalid).toEqual([]);
  });

  it.each([
    ['failure_mode_deny: perhaps', 'spec.failure_mode_deny'],
    ['timeout_ms: 5s', 'spec.timeout_ms'],
    ['domain: [a]', 'spec.domain'],
  ])('%s is an error', (more, path) => {
    expect(service(more).problems).toEqual([`error field-invalid ${path}`]);
  });

  it('without a service is an error', () => {
    const { problems, rateLimitServices } = normalize(manifest('RateLimitService', '{ domain: d }'));
    expect(problems).toEqual(['error field-missing spec.service']);
    expect(rateLimitServices[0]?.spec.service).toBeNull();
  });
});

describe('default_labels', () => {
  it('are read as labels of a Mapping are', () => {
    const { module: read, problems } = module(
      '{ ambassador: { defaults: [{ remote_address: { key: remote_address } }] } }',
    );
    expect(problems).toEqual([]);
    expect(read?.spec.config['default_labels']).toEqual({
      ambassador: { defaults: [{ remote_address: { key: 'remote_address' } }] },
    });
  });

  it.each([
    ['{ ambassador: { defaults: [remote_address] } }', 'ambassador.defaults[0]'],
    ['{ ambassador: { defaults: [{ generic_key: {} }] } }', 'ambassador.defaults[0].generic_key.value'],
    ['{ ambassador: [] }', 'ambassador'],
  ])('%s is an error', (labels, path) => {
    const { problems } = module(labels);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(
      new RegExp(`^error field-\\w+ spec\\.config\\.default_labels\\.${path.replaceAll(/[[\]]/g, '\\$&')}$`),
    );
  });

  it('says that omit_if_not_present is not looked at', () => {
    const { findings } = module(
      '{ d: { defaults: [{ request_headers: { key: a, header_name: b, omit_if_not_present: false } }] } }',
    );
    expect(findings).toMatchObject([{ severity: 'info', code: 'no-effect' }]);
  });
});
