/** Resources → model → program → matcher: which Mapping answers, by Ambassador's published order. */
import { describe, expect, it } from 'vitest';
import { compileModel } from '../../../src/compile/compile-model.ts';
import { createMemoryView } from '../../../src/gateway/program-view.ts';
import { mergeSettings } from '../../../src/model/settings.ts';
import type { MappingResource, NormalizedResources } from '../../../src/resources/ambassador/types.ts';
import { host, mapping, translate } from './resources.ts';

type Asked = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The draw in [0, 100). */
  readonly random?: number;
};

/** Answers with the name of the Mapping that takes a request; null: 404. */
function serve(resources: Partial<NormalizedResources>) {
  const { domains, routes, settings } = translate(resources);
  const model = { domains, routes, settings: mergeSettings(settings), clusters: [] };
  const program = compileModel(model, { target: 'self-hosted', unresolved: 'echo' }, () => {});
  const view = createMemoryView(program, 'test');
  return (url: string, { method = 'GET', headers = {}, random = 0 }: Asked = {}): string | null => {
    const [, hostname = '', path = '', query = null] = /^([^/]+)([^?]*)(?:\?(.*))?$/.exec(url) ?? [];
    const site = view.find(hostname, hostname);
    const facts = { method, path, query, headers: new Headers(headers), authority: hostname, scheme: 'https' } as const;
    return site?.matcher.match(facts, random)?.route.source.name ?? null;
  };
}

const serveMappings = (...mappings: readonly MappingResource[]) => serve({ mappings });

describe('order of Mappings', () => {
  it('prefers precedence, then the longer prefix text, whatever it matches', () => {
    const ask = serveMappings(
      mapping('root', { prefix: '/' }),
      mapping('shop', { prefix: '/shop/' }),
      mapping('regex', { prefix: '/s[a-z]+/.*', prefix_regex: true }),
      mapping('urgent', { prefix: '/shop/now', precedence: 1 }),
    );
    expect(ask('a/shop/x')).toBe('regex');
    expect(ask('a/shop/now/x')).toBe('urgent');
    expect(ask('a/other')).toBe('root');
  });

  it('is not segment aware', () => {
    expect(serveMappings(mapping('man', { prefix: '/man' }))('a/mankind')).toBe('man');
  });

  it('gives an exact path no bonus over a prefix of the same text: later elements decide', () => {
    const prefix = mapping('prefix', { prefix: '/foo', method: 'GET' });
    const ask = serveMappings(prefix, mapping('exact', { prefix: '/foo', prefix_exact: true }));
    expect(ask('a/foo')).toBe('prefix');
    expect(ask('a/foo', { method: 'PUT' })).toBe('exact');
  });

  it('counts header text, hostname and method included, not the number of headers', () => {
    const same = { prefix: '/x/' };
    const ask = serveMappings(
      mapping('plain', same),
      mapping('two', { ...same, headers: { a: '1', b: '2' } }),
      mapping('long', { ...same, headers: { 'x-long-name': 'value' } }),
      mapping('host', { ...same, hostname: 'a.example.com' }),
    );
    const both = { headers: { a: '1', b: '2', 'x-long-name': 'value' } };
    expect(ask('b/x/', both)).toBe('long');
    expect(ask('a.example.com/x/', both)).toBe('host');
    expect(ask('b/x/', { headers: { a: '1', b: '2' } })).toBe('two');
    expect(ask('b/x/')).toBe('plain');
  });

  it('falls back on the order of names on a full tie', () => {
    const ask = serveMappings(
      mapping('z', { prefix: '/x', prefix_exact: true }, { namespace: 'b' }),
      mapping('a', { prefix: '/x' }, { namespace: 'c' }),
    );
    // Same identity, so one group: the later Mapping lacks a core field of the first and is taken in.
    expect([ask('a/x', { random: 10 }), ask('a/x', { random: 90 })]).toEqual(['z', 'a']);
  });
});

describe('canary groups', () => {
  const draws = Array.from({ length: 100 }, (_, at) => at);
  const count = (weight: number | null) => {
    const canary = mapping('canary', { prefix: '/c/', ...(weight === null ? {} : { weight }) });
    const ask = serveMappings(mapping('main', { prefix: '/c/' }), canary, mapping('root', { prefix: '/' }));
    return draws.filter((random) => ask('a/c/', { random }) === 'canary').length;
  };

  it.each([0, 10, 50, 100])('at weight %i the canary takes exactly that share', (weight) => {
    expect(count(weight)).toBe(weight);
  });

  it('shares one draw: after a fall-through at 50 a canary of 10 is never reached', () => {
    const ask = serveMappings(
      mapping('half-a', { prefix: '/long/', weight: 25 }),
      mapping('half-b', { prefix: '/long/', weight: 25 }),
      mapping('tenth', { prefix: '/', weight: 10 }),
      mapping('rest', { prefix: '/' }),
    );
    const seen = draws.map((random) => ask('a/long/', { random }));
    expect(seen.filter((name) => name === 'rest')).toHaveLength(50);
    expect(seen).not.toContain('tenth');
  });
});

describe('hosts', () => {
  it('never looks in another Host, and serves unclaimed hostnames with what no Host selects', () => {
    const ask = serve({
      hosts: [
        host('wild', { hostname: '*.shop.com', mappingSelector: { site: 'web' } }),
        host('api', { hostname: 'api.shop.com' }),
      ],
      mappings: [
        mapping('web', { prefix: '/' }, { labels: { site: 'web' } }),
        mapping('api', { prefix: '/api/', hostname: 'api.shop.com' }),
        mapping('free', { prefix: '/free/' }),
      ],
    });
    expect(ask('www.shop.com/api/')).toBe('web');
    expect(ask('api.shop.com/api/x')).toBe('api');
    expect(ask('api.shop.com/other')).toBeNull();
    expect(ask('elsewhere.org/free/')).toBe('free');
    expect(ask('www.shop.com/free/')).toBe('web');
  });
});

describe('a broken Mapping', () => {
  it('keeps its requests from a broader route', () => {
    const invalid = [{ path: 'spec.timeout_ms', code: 'type', message: 'must be a number' }];
    const ask = serveMappings(mapping('root', { prefix: '/' }), mapping('broken', { prefix: '/admin/' }, { invalid }));
    expect(ask('a/admin/x')).toBe('broken');
  });
});
