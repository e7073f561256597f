/** The decision of the `geo` policy: used by the handler and by `explain`, so that both say the same. */
import type { PlaceFacts, RequestFacts } from '../contract.ts';
import type { CompiledGeo, CompiledPlaces } from './compiled.ts';

export type GeoDecision = 'allowed' | 'denied-by-list' | 'not-on-allow-list';

type PlaceSets = {
  readonly countries: ReadonlySet<string>;
  readonly continents: ReadonlySet<string>;
  readonly regions: ReadonlySet<string>;
  readonly asns: ReadonlySet<number>;
};
export type PreparedGeo = {
  readonly allow: PlaceSets | null;
  readonly deny: PlaceSets | null;
  readonly header: string | null;
};

const NOWHERE: PlaceFacts = { country: null, continent: null, region: null, asn: null };

export function prepareGeo({ allow, deny, header }: CompiledGeo): PreparedGeo {
  return {
    allow: allow === undefined ? null : setsOf(allow),
    deny: deny === undefined ? null : setsOf(deny),
    header: header ?? null,
  };
}

function setsOf({ countries, continents, regions, asns }: CompiledPlaces): PlaceSets {
  return {
    countries: new Set(countries),
    continents: new Set(continents),
    regions: new Set(regions),
    asns: new Set(asns),
  };
}

/** The platform's word where there is one, whatever it does not know; else the country of the header. */
export function placeOf(
  { header }: PreparedGeo,
  { place, headers }: Pick<RequestFacts, 'place' | 'headers'>,
): PlaceFacts {
  if (place !== null) return place;
  const country = header === null ? null : readCountry(headers.get(header));
  return country === null ? NOWHERE : { ...NOWHERE, country };
}

/** null: no country, among others two lines of which nobody can say which one the proxy wrote; `XX` is how proxies say that they do not know. */
function readCountry(value: string | null): string | null {
  const country = value?.trim().toUpperCase() ?? '';
  return /^(?:[A-Z]{2}|T1)$/.test(country) && country !== 'XX' ? country : null;
}

export function decideGeo({ allow, deny }: PreparedGeo, place: PlaceFacts): GeoDecision {
  if (deny !== null && names(deny, place)) return 'denied-by-list';
  return allow === null || names(allow, place) ? 'allowed' : 'not-on-allow-list';
}

function names({ countries, continents, regions, asns }: PlaceSets, place: PlaceFacts): boolean {
  const { country, continent, region, asn } = place;
  return (
    (country !== null && countries.has(country)) ||
    (continent !== null && continents.has(continent)) ||
    (asn !== null && asns.has(asn)) ||
    (country !== null && region !== null && regions.size > 0 && regions.has(`${country}-${region}`))
  );
}
