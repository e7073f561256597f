import { describe, expect, it } from 'vitest';
import { manifest, normalize } from './normalized.ts';

const listener = (more: string): string => manifest('Listener', `{ port: 8080, securityModel: XFP, ${more} }`);
const all = 'hostBinding: { namespace: { from: ALL } }';

describe('Listener', () => {
  it.each([
    ['HTTP', ['HTTP', 'TCP']],
    ['HTTPS', ['TLS', 'HTTP', 'TCP']],
    ['HTTPPROXY', ['PROXY', 'HTTP', 'TCP']],
    ['HTTPSPROXY', ['TLS', 'PROXY', 'HTTP', 'TCP']],
    ['TCP', ['TCP']],
    ['TLS', ['TLS', 'TCP']],
  ])('knows the shorthand %s', (protocol, protocolStack) => {
    const { listeners, problems } = normalize(listener(`protocol: ${protocol}, l7Depth: 2, ${all}`));
    expect(problems).toEqual([]);
    expect(listeners[0]?.spec).toEqual({
      port: 8080,
      protocolStack,
      securityModel: 'XFP',
      l7Depth: 2,
      hostBinding: { namespaceFrom: 'ALL', matchLabels: null },
    });
  });

  it('binds its own namespace unless told otherwise', () => {
    const { listeners } = normalize(listener('protocol: HTTP, hostBinding: { selector: { matchLabels: { a: b } } }'));
    expect(listeners[0]?.spec.hostBinding).toEqual({ namespaceFrom: 'SELF', matchLabels: { a: 'b' } });
  });

  it('prefers the stack, with an error, and stays in use', () => {
    const { listeners, problems } = normalize(listener(`protocol: HTTP, protocolStack: [TLS, HTTP, UDP], ${all}`));
    expect(problems).toEqual(['error protocol-overridden spec.protocol']);
    expect(listeners[0]).toMatchObject({ invalid: [], spec: { protocolStack: ['TLS', 'HTTP', 'UDP'] } });
  });

  it.each([
    [all, 'field-missing', 'spec.protocol'],
    ['protocol: HTTP', 'field-missing', 'spec.hostBinding'],
    [`protocol: UDP, ${all}`, 'field-invalid', 'spec.protocol'],
    [`protocolStack: [TLS, HTTP], ${all}`, 'field-invalid', 'spec.protocolStack'],
    [`protocolStack: [UDP], ${all}`, 'field-invalid', 'spec.protocolStack'],
    ['protocol: HTTP, hostBinding: {}', 'field-invalid', 'spec.hostBinding'],
    [
      'protocol: HTTP, hostBinding: { namespace: { from: SELECTOR } }',
      'field-invalid',
      'spec.hostBinding.namespace.from',
    ],
    [`protocol: HTTP, l7Depth: -1, ${all}`, 'field-invalid', 'spec.l7Depth'],
  ])('is not used with %s', (more, code, path) => {
    const { listeners, problems } = normalize(listener(more));
    expect(problems).toEqual([`error ${code} ${path}`]);
    expect(listeners[0]?.invalid).toMatchObject([{ code, path }]);
  });
});
