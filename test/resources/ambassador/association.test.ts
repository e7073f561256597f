import { hostPatternsOverlap } from '../../../src/model/hostname.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHostAssociation } from '../../../src/resources/ambassador/association.ts';
import { linkHosts } from '../../../src/resources/ambassador/hosts.ts';
import type { AmbassadorOptions, HostResource } from '../../../src/resources/ambassador/types.ts';
import { host, OPTIONS } from './resources.ts';

function associate(hosts: readonly HostResource[], options: Partial<AmbassadorOptions> = {}) {
  const all = { ...OPTIONS, ...options };
  return createHostAssociation(
    linkHosts(hosts, [], all, () => {}),
    all,
  );
}

const glob = (pattern: string) => ({ pattern, text: pattern, regex: false });
const regex = { pattern: 'a.*', text: 'a.*', regex: true };
const plain = host('h', { hostname: 'a.com' });
const selecting = host('h', { hostname: 'a.com', mappingSelector: { app: 'shop', tier: 'web' } });
const all = { app: 'shop', tier: 'web', more: 'x' };
const some = { app: 'shop' };

describe('association of Host and Mapping', () => {
  it.each([
    // what the Mapping says, its labels, strict selectors, loose selectors; with a selector on the Host
    [glob('a.com'), all, true, true],
    [glob('b.com'), all, false, true],
    [glob('a.com'), some, false, true],
    [glob('a.com'), {}, false, true],
    [glob('b.com'), {}, false, false],
    [null, all, true, true],
    [null, some, false, true],
    [null, {}, false, false],
    [regex, all, true, true],
    [regex, {}, false, true],
  ])('Host with selector: %j labels %j', (mapped, labels, strict, loose) => {
    const attached = (looseLabelSelectors: boolean) =>
      associate([selecting], { looseLabelSelectors, unattached: 'drop' }).attach(mapped, labels).state === 'attached';
    expect([attached(false), attached(true)]).toEqual([strict, loose]);
  });

  it.each([
    [glob('a.com'), true],
    [glob('*.com'), true],
    [glob('*'), true],
    [glob('b.com'), false],
    [null, false],
    [regex, true],
  ])('Host without selector: %j → %s', (mapped, attached) => {
    const association = associate([plain], { unattached: 'drop' });
    expect(association.attach(mapped, all).state).toBe(attached ? 'attached' : 'dead');
  });

  it('an empty selector takes everything', () => {
    const association = associate([host('h', { hostname: 'a.com', mappingSelector: {} })]);
    expect(association.attach(null, {}).domains).toEqual(['Host/default/h']);
  });

  it('without any Host everything attaches to the default domain', () => {
    const association = associate([], { unattached: 'drop' });
    expect(association.attach(null, {})).toMatchObject({ state: 'attached', domains: ['default'] });
    expect(association.attach(glob('a.com'), {})).toMatchObject({ state: 'attached', domains: ['default'] });
  });

  it('serves unclaimed hostnames with a Mapping that no Host selects, unless told to drop it', () => {
    expect(associate([plain]).attach(null, {})).toMatchObject({ state: 'unclaimed', domains: ['default'] });
    expect(associate([plain], { unattached: 'drop' }).attach(null, {})).toMatchObject({ state: 'dead', domains: [] });
  });

  it('leaves nothing unclaimed beside a Host for `*`', () => {
    const { state, reason } = associate([host('all', { hostname: '*' })]).attach(null, {});
    expect(state).toBe('dead');
    expect(reason).toContain('default/all');
  });

  it('does not move a Mapping elsewhere when the Host that selects it lost its hostname', () => {
    const hosts = [host('a', { hostname: 'a.com' }), host('b', { hostname: 'A.com', mappingSelector: { x: '1' } })];
    const { state, reason } = associate(hosts).attach(null, { x: '1' });
    expect(state).toBe('dead');
    expect(reason).toContain('default/b');
  });

  it('says why a hostname fits nothing', () => {
    expect(associate([plain]).attach(glob('b.com'), {}).reason).toContain('fits no Host');
    expect(associate([selecting]).attach(glob('a.com'), {}).reason).toContain('no `mappingSelector`');
    expect(associate([plain]).attach(glob('foo.*.com'), {}).reason).toContain('No request can have');
  });

  it('distinguishes Mappings by the selectors that take them, not by other labels', () => {
    const association = associate([selecting]);
    expect(association.selectorText(all)).toBe(association.selectorText({ app: 'shop', tier: 'web' }));
    expect(association.selectorText(all)).not.toBe(association.selectorText(some));
    expect(association.selectorText(some)).toBe(association.selectorText({}));
  });

  it('finds by index what comparing every Host would find', () => {
    const name = fc.stringMatching(/^[ab]{1,2}(\.[ab]{1,2}){0,2}$/);
    const pattern = fc.oneof(
      name,
      name.map((text) => `*${text}`),
      name.map((text) => `*.${text}`),
      name.map((text) => `${text}*`),
      fc.constant('*'),
    );
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), pattern, (hostnames, wanted) => {
        const hosts = hostnames.map((hostname, at) => host(`h${at}`, { hostname }));
        if (hosts.length === 0) return;
        const expected = hosts.filter(({ spec }) => hostPatternsOverlap(spec.hostname, wanted));
        const found = associate(hosts).attach(glob(wanted), {}).domains;
        expect(found.toSorted()).toEqual(expected.map((each) => `Host/default/${each.name}`).toSorted());
      }),
    );
  });
});
