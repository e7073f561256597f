import { describe, expect, it } from 'vitest';
import { compileModel } from '../../src/compile/compile-model.ts';
import { explainRequest } from '../../src/explain/explain.ts';
import type { NearMiss } from '../../src/explain/explanation.ts';
import type { RouteModel } from '../../src/model/route-model.ts';
import { aDomain, aMatch, aModel, aRoute } from '../oracle/model-builder.ts';

async function missesOf(
  model: RouteModel,
  url: string,
  method = 'GET',
): Promise<readonly (readonly [string, string, string, string | null])[]> {
  const program = compileModel(model, { target: 'self-hosted', unresolved: 'echo' }, () => undefined);
  const { nearMisses } = await explainRequest(program, { method, url, headers: [] }, { model });
  return nearMisses.map(({ source, failed, expected, actual }: NearMiss) => [source.name, failed, expected, actual]);
}

describe('near misses', () => {
  it('lists shadowed ones first, then other tests, then paths', async () => {
    const model = aModel([
      aRoute('winner', { matches: [aMatch('/a/b')] }),
      aRoute('catch-all', { matches: [aMatch('/')] }),
      aRoute('posts', { matches: [aMatch('/a/', { method: 'POST' })] }),
      aRoute('closer', { matches: [aMatch('/a/b/d')] }),
      aRoute('farther', { matches: [aMatch('/a/x')] }),
    ]);
    expect(await missesOf(model, 'http://a.test/a/b/c')).toEqual([
      ['catch-all', 'shadowed', 'Mapping/default/winner', null],
      ['posts', 'method', 'POST', 'GET'],
      ['closer', 'path', 'prefix /a/b/d', '/a/b/c'],
    ]);
  });

  it('says which header or parameter, with the regex as written', async () => {
    const regex = { kind: 'regex', regex: { pattern: 'v[0-9]+' } } as const;
    const model = aModel([
      aRoute('header', { matches: [aMatch('/h', { headers: [{ name: 'x-version', test: regex }] })] }),
      aRoute('query', { matches: [aMatch('/q', { query: [{ name: 'Version', test: regex }] })] }),
      aRoute('method', { matches: [aMatch('/m', { method: { regex: { pattern: 'P.*' } } })] }),
      aRoute('path', {
        matches: [aMatch('/p', { path: { kind: 'regex', value: '/path/[0-9]+', caseSensitive: true } })],
      }),
    ]);
    expect((await missesOf(model, 'http://a.test/h'))[0]).toEqual([
      'header',
      'headers.x-version',
      'regex v[0-9]+',
      null,
    ]);
    expect((await missesOf(model, 'http://a.test/q?Version=1'))[0]).toEqual([
      'query',
      'query.Version',
      'regex v[0-9]+',
      '1',
    ]);
    expect((await missesOf(model, 'http://a.test/m'))[0]).toEqual(['method', 'method', 'regex P.*', 'GET']);
    expect(await missesOf(model, 'http://a.test/path/x')).toEqual([['path', 'path', 'regex /path/[0-9]+', '/path/x']]);
  });

  it('finds paths that differ in case only, and none that share but the slash', async () => {
    const model = aModel([
      aRoute('shop', { matches: [aMatch('/Shop/')] }),
      aRoute('other', { matches: [aMatch('/other')] }),
    ]);
    expect(await missesOf(model, 'http://a.test/shop/x')).toEqual([['shop', 'path', 'prefix /Shop/', '/shop/x']]);
  });

  it('puts the closest path first', async () => {
    const model = aModel(
      ['/shop/a', '/shop/items/x', '/sh'].map((path, index) => aRoute(`r${index}`, { matches: [aMatch(path)] })),
    );
    expect((await missesOf(model, 'http://a.test/shop/items')).map(([name]) => name)).toEqual(['r1', 'r0']);
    expect((await missesOf(model, 'http://a.test/sHop/items/')).map(([name]) => name)).toEqual(['r1', 'r0', 'r2']);
  });

  it('is short, and names a canary group once', async () => {
    const many = Array.from({ length: 9 }, (_, index) => aRoute(`r${index}`, { matches: [aMatch(`/path${index}`)] }));
    expect(await missesOf(aModel(many), 'http://a.test/path')).toHaveLength(5);
    const group = many.map((route) => ({ ...route, group: 'g', matches: [aMatch('/same')] }));
    expect(await missesOf(aModel(group), 'http://a.test/sam')).toHaveLength(1);
  });

  it('names the hostname restriction that kept a route out', async () => {
    const model = aModel([aRoute('shop', { matches: [aMatch('/x', { hostname: '*.shop.test' })] })]);
    expect(await missesOf(model, 'http://a.test/x')).toEqual([['shop', 'hostname', '*.shop.test', 'a.test']]);
  });

  it('looks into other domains when there is no route, closest path first', async () => {
    const own = aDomain('a.test', {
      source: { kind: 'Host', namespace: 'default', name: 'a', file: null, line: null, path: null },
    });
    const model = aModel(
      [
        aRoute('elsewhere', { domains: ['Host/default/b.test'], matches: [aMatch('/x/')] }),
        aRoute('catch-all', { domains: ['Host/default/b.test'], matches: [aMatch('/')] }),
        aRoute('nowhere', { domains: [], matches: [aMatch('/x', { hostname: 'c.test' })] }),
      ],
      { domains: [own, aDomain('b.test')] },
    );
    expect(await missesOf(model, 'http://a.test/x/y')).toEqual([
      ['elsewhere', 'hostname', 'b.test', 'a.test'],
      ['nowhere', 'hostname', 'a Host c.test: it is attached to none', 'a.test'],
    ]);
    // A host that nobody serves may be a misspelt one: there a catch-all counts as well.
    expect((await missesOf(model, 'http://bb.test/x/y')).map(([name, failed]) => [name, failed])).toEqual([
      ['a', 'hostname'],
      ['elsewhere', 'hostname'],
      ['catch-all', 'hostname'],
      ['nowhere', 'hostname'],
    ]);
  });
});
