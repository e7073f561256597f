import { describe, expect, it } from 'vitest';
import { manifest, normalize } from './normalized.ts';

describe('Host', () => {
  it('reads what decides, with its defaults', () => {
    expect(normalize(manifest('Host', '{}')).hosts).toMatchObject([
      {
        name: 'x',
        namespace: 'shop',
        invalid: [],
        spec: { hostname: '*', mappingSelector: null, insecureAction: 'Redirect', requiresClientCertificate: false },
      },
    ]);
    const { hosts, problems } = normalize(
      manifest(
        'Host',
        '{ hostname: a.com, selector: { matchLabels: { a: b } }, requestPolicy: { insecure: { action: Route } } }',
        'v2',
      ),
    );
    expect(problems).toEqual([]);
    expect(hosts[0]?.spec).toMatchObject({ hostname: 'a.com', mappingSelector: { a: 'b' }, insecureAction: 'Route' });
  });

  it('takes an empty selector for everything and says what it ignores', () => {
    const { hosts, problems } = normalize(
      manifest(
        'Host',
        '{ mappingSelector: { matchExpressions: [{ key: a }] }, selector: {}, previewUrl: { enabled: true } }',
      ),
    );
    expect(hosts[0]?.spec.mappingSelector).toEqual({});
    expect(problems).toEqual([
      'warning selector-expressions-ignored spec.mappingSelector.matchExpressions',
      'warning selector-overridden spec.selector',
      'warning preview-url-ignored spec.previewUrl',
    ]);
  });

  it('notes what TLS fields are without effect, and never refuses for them', () => {
    const { hosts, findings } = normalize(
      manifest(
        'Host',
        '{ tlsSecret: { name: s }, acmeProvider: { authority: none }, tls: { min_tls_version: v1.2 }, tlsContext: { name: c } }',
      ),
    );
    expect(findings.map(({ severity, code, path }) => [severity, code, path])).toEqual(
      ['tlsSecret', 'acmeProvider', 'tls', 'tlsContext'].map((field) => ['info', 'no-effect-at-edge', `spec.${field}`]),
    );
    expect(hosts[0]).toMatchObject({ invalid: [], spec: { requiresClientCertificate: false } });
  });

  it.each([
    ['{ tls: { cert_required: true } }', null, true],
    ['{ tls: { certRequired: "true" } }', null, true],
    ['{ tls: { ca_secret: s } }', null, true],
    ['{ tls: { ca_secret: s, cert_required: false } }', null, false],
    ['{ tlsContext: { name: c } }', ['c', '{ cert_required: true }'], true],
    ['{ tlsContext: { name: c } }', ['c', '{ cert_required: false, ca_secret: s }'], false],
    ['{ tlsContext: { name: c } }', ['d', '{ cert_required: true }'], false],
    ['{}', ['x-context', '{ cert_required: true }'], true],
    ['{}', ['x-context', '{ cert_required: true, ambassador_id: other }'], false],
  ] as const)('client certificates: %s with %s: %s', (spec, context, expected) => {
    const tls = context === null ? [] : [manifest('TLSContext', context[1], 'v2', context[0])];
    const { hosts } = normalize([manifest('Host', spec), ...tls].join('---\n'));
    expect(hosts[0]?.spec.requiresClientCertificate).toBe(expected);
  });

  it.each([
    ['{ hostname: 1 }', 'spec.hostname'],
    ['{ requestPolicy: { insecure: { action: redirect } } }', 'spec.requestPolicy.insecure.action'],
    ['{ mappingSelector: { matchLabels: { a: 1 } } }', 'spec.mappingSelector.matchLabels.a'],
  ])('refuses for %s', (spec, path) => {
    const { hosts, problems } = normalize(manifest('Host', spec));
    expect(problems).toEqual([`error field-invalid ${path}`]);
    expect(hosts[0]?.invalid).toMatchObject([{ path }]);
  });
});
