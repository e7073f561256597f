import { describe, expect, it } from 'vitest';
import type { KnownSecrets, SecretState } from '../../../src/model/secret-states.ts';
import { filter, filterPolicy, mapping, translate } from './resources.ts';

const keys = (...names: readonly string[]) => ({ APIKey: { keys: names.map((secretName) => ({ secretName })) } });

/** The sets that the method is given, or why it refuses; and what is said of the Filter. */
function judged(secrets: KnownSecrets | undefined, spec = keys('a'), clusters?: readonly string[]) {
  const made = filter('f', spec, { namespace: 'shop' });
  const resources = {
    mappings: [mapping('m', { prefix: '/' })],
    filters: [clusters === undefined ? made : { ...made, clusters }],
    filterPolicies: [filterPolicy('p', [{ filters: [{ name: 'f' }] }], { namespace: 'shop' })],
  };
  const { route, findings } = translate(resources, secrets === undefined ? {} : { secrets });
  const options = route('m').policies[0]?.options as {
    readonly filters: Readonly<Record<string, { readonly options: { readonly sets: readonly string[] } }>>;
    readonly rules: readonly { readonly unusable?: string }[];
  };
  return {
    sets: Object.values(options.filters)[0]?.options.sets ?? null,
    unusable: options.rules[0]?.unusable ?? null,
    said: findings
      .filter(({ source }) => source?.kind === 'Filter')
      .map(({ severity, code, path }) => `${severity} ${code} ${path ?? ''}`),
  };
}

const PATH = 'spec.APIKey.keys[0].secretName';
const known = (states: Readonly<Record<string, SecretState>>): KnownSecrets => ({ states, others: 'missing' });

describe('Secrets of an APIKey Filter', () => {
  it('count as usable where nobody looked, and it is said', () => {
    expect(judged(undefined)).toEqual({ sets: ['shop/a'], unusable: null, said: [`info secret-not-given ${PATH}`] });
  });

  it.each<[SecretState, string]>([
    ['missing', 'secret-missing'],
    ['empty', 'secret-missing'],
    ['forbidden', 'secret-forbidden'],
    ['no-pepper', 'secret-keys-unwritable'],
    ['no-namespace', 'secret-keys-unwritable'],
  ])('that are %s refuse with one finding', (state, code) => {
    const { sets, unusable, said } = judged(known({ 'shop/a': state }));
    expect(sets).toBe(null);
    expect(unusable).toContain('Secret shop/a');
    expect(said).toEqual([`warning ${code} ${PATH}`]);
  });

  it('are all needed: one missing refuses', () => {
    const { unusable, said } = judged(known({ 'shop/a': 'usable' }), keys('a', 'b'));
    expect(unusable).toContain('the Secret shop/b does not exist');
    expect(said).toEqual(['warning secret-missing spec.APIKey.keys[1].secretName']);
  });

  it('are looked for in the namespace of the Filter, and what is no name of a Secret is missing', () => {
    expect(judged(known({ 'other/a': 'usable' })).unusable).not.toBe(null);
    expect(judged(known({ 'shop/../x': 'usable' }), keys('../x')).unusable).not.toBe(null);
    expect(judged({ states: {}, others: 'unknown' }, keys('../x')).unusable).not.toBe(null);
  });

  it('of several clusters are one set each', () => {
    const both = known({ 'west/shop/a': 'usable', 'east/shop/a': 'usable' });
    expect(judged(both, keys('a'), ['west', 'east']).sets).toEqual(['west/shop/a', 'east/shop/a']);
    const one = judged(known({ 'west/shop/a': 'usable', 'shop/a': 'usable' }), keys('a'), ['west', 'east']);
    expect(one).toEqual({ sets: ['west/shop/a'], unusable: null, said: [`warning secret-missing ${PATH}`] });
    expect(judged(known({ 'shop/a': 'usable' }), keys('a'), ['west']).unusable).toContain('west/shop/a');
  });

  it('of a cluster that cannot be asked decide as they did: nothing is said of them', () => {
    const silent: KnownSecrets = { states: {}, others: 'missing', silentClusters: ['west'] };
    expect(judged(silent, keys('a'), ['west']).sets).toEqual(['west/shop/a']);
    expect(judged(known({ 'shop/a': 'unread' }))).toEqual({ sets: ['shop/a'], unusable: null, said: [] });
  });
});
