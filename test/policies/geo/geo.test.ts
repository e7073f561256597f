import { describe, expect, it } from 'vitest';
import type { PlaceFacts } from '../../../src/policies/contract.ts';
import type { GeoOptions } from '../../../src/policies/geo/options.ts';
import { policyHandler } from '../../../src/policies/handlers.ts';
import { policyLowering } from '../../../src/policies/lowerings.ts';
import { factsOf, runChain, runtimeOf } from '../chain.ts';
import { lowered, lowerOptions } from '../lowering.ts';

const MUNICH: PlaceFacts = { country: 'DE', continent: 'EU', region: 'BY', asn: 3320 };
const NOWHERE: PlaceFacts = { country: null, continent: null, region: null, asn: null };
const edge = { target: 'cloudflare' } as const;
const behindProxy = { target: 'self-hosted', trustedHops: 1 } as const;

async function ask(
  options: GeoOptions,
  platform: Parameters<typeof lowerOptions>[2],
  request: Parameters<typeof factsOf>[0],
): Promise<string> {
  const response = await runChain(
    { policies: [{ name: 'geo', config: lowered('geo', options, platform) }] },
    factsOf(request),
  );
  if (response.status === 200) return response.text();
  expect(await response.json()).toEqual({ code: 'geo-denied', status: 403 });
  return 'denied';
}

describe('with the platform’s facts', () => {
  it.each<[GeoOptions, Partial<PlaceFacts>, string]>([
    [{ allow: { countries: ['DE'] } }, MUNICH, 'upstream'],
    [{ allow: { countries: ['FR'] } }, MUNICH, 'denied'],
    [{ allow: { countries: ['FR'], continents: ['EU'] } }, MUNICH, 'upstream'],
    [{ allow: { regions: ['DE-BY'] } }, MUNICH, 'upstream'],
    [{ allow: { regions: ['AT-BY'] } }, MUNICH, 'denied'],
    [{ allow: { asns: [3320] } }, MUNICH, 'upstream'],
    [{ deny: { asns: [3320] } }, MUNICH, 'denied'],
    [{ deny: { countries: ['DE'] } }, MUNICH, 'denied'],
    [{ deny: { countries: ['FR'] } }, MUNICH, 'upstream'],
    [{ allow: { continents: ['EU'] }, deny: { regions: ['DE-BY'] } }, MUNICH, 'denied'],
    [{ deny: { countries: ['T1'] } }, { ...NOWHERE, country: 'T1' }, 'denied'],
    // Unknown: refused by an allow list, not named by a deny list.
    [{ allow: { countries: ['DE'] } }, NOWHERE, 'denied'],
    [{ deny: { countries: ['DE'] } }, NOWHERE, 'upstream'],
    [{ allow: { asns: [3320] } }, { ...MUNICH, asn: null }, 'denied'],
    [{ deny: { regions: ['DE-BY'] } }, { ...MUNICH, region: null }, 'upstream'],
    [{ allow: { continents: ['EU'] }, deny: { countries: ['DE'] } }, { ...MUNICH, country: null }, 'upstream'],
  ])('%j: %j %s', async (options, place, outcome) => {
    expect(await ask(options, edge, { place: { ...NOWHERE, ...place } })).toBe(outcome);
  });

  it('a header has nothing to say', async () => {
    const options: GeoOptions = { allow: { countries: ['DE'] }, header: 'x-country' };
    expect(await ask(options, edge, { place: { ...MUNICH, country: 'FR' }, headers: { 'x-country': 'DE' } })).toBe(
      'denied',
    );
    expect(await ask(options, edge, { place: NOWHERE, headers: { 'x-country': 'DE' } })).toBe('denied');
  });
});

describe('with the header of a trusted proxy', () => {
  const allow: GeoOptions = { allow: { countries: ['DE'] }, header: 'X-Country' };
  const deny: GeoOptions = { deny: { countries: ['DE'] }, header: 'X-Country' };
  it.each([
    ['DE', 'upstream', 'denied'],
    [' de ', 'upstream', 'denied'],
    ['FR', 'denied', 'upstream'],
    ['XX', 'denied', 'upstream'],
    ['DE, FR', 'denied', 'upstream'],
    ['Germany', 'denied', 'upstream'],
    [null, 'denied', 'upstream'],
  ])('%s: allowing DE %s, denying DE %s', async (country, allowed, denied) => {
    const headers: Record<string, string> = country === null ? {} : { 'x-country': country };
    expect(await ask(allow, behindProxy, { headers })).toBe(allowed);
    expect(await ask(deny, behindProxy, { headers })).toBe(denied);
  });
});

describe('lowering', () => {
  it('refuses where nothing can say the place', () => {
    const { config, findings } = lowerOptions('geo', { deny: { countries: ['DE'] } });
    expect(config).toBeNull();
    expect(findings).toMatchObject([{ code: 'geo-place-unknown', severity: 'error', path: 'spec.geo' }]);
  });

  it('refuses a header that clients write themselves', () => {
    const { config, findings } = lowerOptions('geo', { allow: { countries: ['DE'] }, header: 'x-country' });
    expect(config).toBeNull();
    expect(findings).toMatchObject([{ code: 'geo-header-untrusted', severity: 'error', path: 'spec.geo.header' }]);
  });

  it.each([
    [{ allow: { countries: ['DE'], continents: ['EU'] } }, 'spec.geo.allow.continents'],
    [{ deny: { asns: [1] } }, 'spec.geo.deny.asns'],
    [{ deny: { regions: ['DE-BY'] } }, 'spec.geo.deny.regions'],
  ])('refuses %j from a header, which says countries only', (options, path) => {
    const { config, findings } = lowerOptions('geo', { ...options, header: 'x-country' }, behindProxy);
    expect(config).toBeNull();
    expect(findings).toMatchObject([{ code: 'geo-header-country-only', severity: 'error', path }]);
  });

  it.each([
    {},
    { allow: {} },
    { allow: { countries: [] } },
    { allow: { countries: ['de'] } },
    { allow: { countries: ['DEU'] } },
    { allow: { continents: ['XX'] } },
    { allow: { regions: ['BY'] } },
    { allow: { asns: [0] } },
    { allow: { asns: ['AS3320'] } },
    { allow: { cities: ['Munich'] } },
    { deny: { countries: ['DE'] }, header: 'x country' },
  ])('refuses %j', (options) => {
    const { config, findings } = lowerOptions('geo', options, edge);
    expect(config).toBeNull();
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['policy-options-invalid']));
  });

  it('sorts, so that the order of lists changes nothing', () => {
    const options = { deny: { asns: [20, 3, 20], countries: ['FR', 'DE'] }, header: 'X-Country' };
    const deny = { asns: [3, 20], countries: ['DE', 'FR'] };
    expect(lowered('geo', options, { ...edge, trustedHops: 1 })).toEqual({ deny, header: 'x-country' });
    // Nobody is trusted to write it, so it is not read even where the platform says nothing.
    expect(lowered('geo', options, edge)).toEqual({ deny });
  });

  it.each([
    null,
    [],
    {},
    { header: 'a' },
    { allow: { cities: ['x'] } },
    { allow: { asns: ['1'] } },
    { allow: {} },
    { deny: { asns: [1] }, other: 1 },
  ])('its handler does not take the payload %j', (config) =>
    expect(() => policyHandler('geo')?.create(config, runtimeOf({}))).toThrow(),
  );

  it('explains, and does not promise a refusal of what it cannot place', async () => {
    const config = lowered('geo', { allow: { countries: ['FR'] } }, edge);
    const explain = (place: PlaceFacts | null) => policyLowering('geo')?.explain(config, factsOf({ place }));
    expect(explain(MUNICH)).toMatchObject({ input: { country: 'DE' }, answersWith: 403 });
    expect(explain(null)).not.toHaveProperty('answersWith');
    expect((await explain(null))?.note).toContain('nothing says where the client is');
    expect(explain({ ...MUNICH, country: 'FR' })).not.toHaveProperty('answersWith');
  });
});
