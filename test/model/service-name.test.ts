import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serviceOfName, serviceParts } from '../../src/model/service-name.ts';

describe('service names', () => {
  it('reads back what serviceParts found', () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
    fc.assert(
      fc.property(label, label, fc.integer({ min: 1, max: 65_535 }), (name, namespace, port) => {
        expect(serviceParts(`${name}.${namespace}:${port}`)).toEqual({ name, namespace, port });
      }),
    );
  });

  it.each(['localhost', 'localhost:80', 'a.b.c', 'a:0', 'a:65536', 'a:', '-a', 'a_b', '', 'http://a'])(
    'refuses %j',
    (text) => expect([serviceParts(text), serviceOfName(text, 'http', [])]).toEqual([null, null]),
  );

  it('takes the default port from the scheme', () => {
    expect(serviceOfName('Auth', 'https', ['eu'])).toEqual({
      text: 'Auth',
      scheme: 'https',
      host: 'auth.default',
      service: { name: 'auth', namespace: 'default' },
      port: 443,
      clusters: ['eu'],
    });
    expect(serviceOfName('auth.shop:3000', 'http', [])).toMatchObject({ host: 'auth.shop', port: 3000 });
  });
});
