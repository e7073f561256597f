import { expect, it } from 'vitest';
import { secretReferences } from '../../../src/resources/ambassador/secret-references.ts';
import { parseManifests } from '../../../src/resources/manifests.ts';

function named(apiVersion: string, spec: object, kind = 'Filter', metadata: object = { name: 'f', namespace: 'shop' }) {
  const text = JSON.stringify({ apiVersion, kind, metadata, spec });
  return secretReferences(parseManifests([{ file: '-', text }], () => undefined));
}

const place = (name: string, namespace = 'shop', cluster: string | null = null) => ({ cluster, namespace, name });
const keys = (...names: readonly unknown[]) => ({ keys: names.map((secretName) => ({ secretName })) });

it('finds the Secrets of Filters of both groups, in their own namespace', () => {
  expect(named('getambassador.io/v3alpha1', { APIKey: keys('a', 'b.c') })).toEqual([place('a'), place('b.c')]);
  expect(named('getambassador.io/v1beta2', { APIKey: keys('a') })).toEqual([place('a')]);
  expect(named('gateway.getambassador.io/v1alpha1', { type: 'apikey', apikey: keys('a') })).toEqual([place('a')]);
  expect(named('getambassador.io/v3alpha1', { APIKey: keys('a') }, 'Filter', { name: 'f' })).toEqual([
    place('a', 'default'),
  ]);
});

it('never asks for what cannot be a Secret’s name, nor for another kind', () => {
  for (const name of ['', '..', '../x', 'a/b', 'A', 'a?x', '-a', 'a'.repeat(254), 7, null])
    expect([name, named('getambassador.io/v3alpha1', { APIKey: keys(name) })]).toEqual([name, []]);
  for (const spec of [{ APIKey: 'a' }, { APIKey: { keys: 'a' } }, { APIKey: { keys: ['a'] } }, {}, { JWT: keys('a') }])
    expect(named('getambassador.io/v3alpha1', spec)).toEqual([]);
  expect(named('getambassador.io/v3alpha1', { APIKey: keys('a') }, 'Mapping')).toEqual([]);
  expect(named('example.com/v1', { APIKey: keys('a') })).toEqual([]);
});

it('counts one for each cluster that holds the Filter', () => {
  const text = JSON.stringify({
    apiVersion: 'getambassador.io/v3alpha1',
    kind: 'Filter',
    metadata: { name: 'f', namespace: 'shop' },
    spec: { APIKey: keys('a') },
  });
  const [object] = parseManifests([{ file: '-', text }], () => undefined);
  if (object === undefined) throw new Error('no object');
  expect(secretReferences([{ ...object, clusters: ['west', 'east'] }])).toEqual([
    place('a', 'shop', 'west'),
    place('a', 'shop', 'east'),
  ]);
  expect(secretReferences([{ ...object, source: { ...object.source, cluster: 'west' } }])).toEqual([
    place('a', 'shop', 'west'),
  ]);
});
