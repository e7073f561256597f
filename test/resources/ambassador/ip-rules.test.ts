import { describe, expect, it } from 'vitest';
import { mapping, moduleOf, translate } from './resources.ts';

const mappings = [
  mapping('open', { bypass_auth: true }),
  mapping('moved', { host_redirect: true }),
  mapping('both', { cors: { origins: ['*'] } }),
];
const routesOf = (config: Readonly<Record<string, unknown>>) => translate({ mappings, module: moduleOf(config) });

describe('ip_allow and ip_deny', () => {
  it.each([
    ['ip_allow', 'allow'],
    ['ip_deny', 'deny'],
  ])('%s becomes a policy of every route, redirects and open ones included', (key, list) => {
    const { routes, findings } = routesOf({ [key]: [{ peer: '127.0.0.1' }, { remote: '99.99.0.7/16' }] });
    expect(findings).toEqual([]);
    expect(routes.map(({ action }) => action.kind)).toEqual(['forward', 'redirect', 'forward']);
    for (const { policies } of routes) {
      expect(policies.find(({ policy }) => policy === 'ip')).toMatchObject({
        options: { [list]: [{ peer: '127.0.0.1/32' }, { client: '99.99.0.0/16' }] },
        source: { kind: 'Module', name: 'ambassador', path: `spec.config.${key}` },
      });
    }
    expect(routes.map(({ policies }) => policies.length)).toEqual([2, 1, 1]);
  });

  it.each([[{}], [{ ip_allow: [] }], [{ ip_deny: [] }], [{ ip_allow: null }], [{ ip_allow: [], ip_deny: [] }]])(
    '%j says nothing',
    (config) => {
      const { routes } = routesOf(config);
      expect(routes.flatMap(({ policies }) => policies).filter(({ policy }) => policy === 'ip')).toEqual([]);
      expect(routes.map(({ action }) => action.kind)).not.toContain('refuse');
    },
  );

  it.each([
    [{ ip_allow: [{ peer: '::1' }], ip_deny: [{ peer: '::1' }] }, 'ip-rules-conflict', 'spec.config.ip_deny'],
    [{ ip_allow: [{ peer: '::1' }, { remote: 'localhost' }] }, 'field-invalid', 'spec.config.ip_allow[1]'],
    [{ ip_deny: [{ remote: '10.0.0.0/40' }] }, 'field-invalid', 'spec.config.ip_deny[0]'],
    [{ ip_deny: [{ client: '10.0.0.0/8' }] }, 'field-invalid', 'spec.config.ip_deny[0]'],
    [{ ip_deny: [{ peer: '::1', remote: '::1' }] }, 'field-invalid', 'spec.config.ip_deny[0]'],
    [{ ip_deny: ['10.0.0.0/8'] }, 'field-invalid', 'spec.config.ip_deny[0]'],
    [{ ip_deny: [{ peer: 1 }] }, 'field-invalid', 'spec.config.ip_deny[0]'],
  ])('%j refuses every route and says why', (config, code, path) => {
    const { routes, findings } = routesOf(config);
    expect(routes.map(({ action }) => action)).toEqual(
      mappings.map(() => expect.objectContaining({ kind: 'refuse', status: 500, code: 'resource-invalid' })),
    );
    expect(findings.filter(({ severity }) => severity === 'error')).toMatchObject([
      { code, path, source: { kind: 'Module' } },
    ]);
  });

  it('something else than a list refuses every route', () => {
    const { routes } = routesOf({ ip_allow: '10.0.0.0/8' });
    expect(routes.map(({ action }) => action.kind)).toEqual(['refuse', 'refuse', 'refuse']);
  });
});
