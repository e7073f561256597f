/** Authored `geo` options → what the Worker needs, and the refusal of what nothing could tell it. */
import type { Json } from '../../model/route-model.ts';
import { compareCodePoints } from '../../model/rank.ts';
import type { LowerContext, PolicyLowering } from '../contract.ts';
import { parseOptions, reportOption } from '../parse-options.ts';
import type { CompiledGeo, CompiledPlaces } from './compiled.ts';
import { decideGeo, placeOf, prepareGeo } from './decide.ts';
import { decodeGeo } from './decode.ts';
import { geoOptionsSchema, type GeoOptions, type PlacesOption } from './options.ts';

const KNOWN_KEYS = ['allow', 'deny', 'header', 'countries', 'continents', 'regions', 'asns'] as const;

export const geoLowering: PolicyLowering = {
  name: 'geo',
  lower(options, context) {
    const parsed = parseOptions(geoOptionsSchema, options, { policy: 'geo', knownKeys: KNOWN_KEYS, context });
    if (parsed === null || !canBePlaced(parsed, context)) return null;
    return compileGeo(parsed, context) satisfies Json;
  },
  explain(json, facts) {
    const prepared = prepareGeo(decodeGeo(json));
    const place = placeOf(prepared, facts);
    const decision = decideGeo(prepared, place);
    const isUnknown = Object.values(place).every((fact) => fact === null);
    const verdict = {
      allowed: 'the place may make requests',
      'denied-by-list': 'the place is on the deny list: 403 geo-denied',
      'not-on-allow-list': 'the place is not on the allow list: 403 geo-denied',
    }[decision];
    return {
      input: { ...place },
      note: isUnknown ? `nothing says where the client is; ${verdict}` : verdict,
      // Unknown here need not be unknown in the request that is meant.
      ...(decision !== 'allowed' && !isUnknown && { answersWith: 403 }),
    };
  },
};

/** Whether something can say where a client is. Everything that is missing is reported. */
function canBePlaced(options: GeoOptions, context: LowerContext): boolean {
  if (context.target === 'cloudflare') return true;
  const { header, allow, deny } = options;
  if (header === undefined) {
    reportOption(context, 'error', 'geo-place-unknown', {
      message:
        'This platform does not say where a client is, and no header is named that does. The route refuses requests, because the rule could not be judged.',
      at: [],
      hint: 'Name the request header in which the proxy in front writes the country, for example `header: "x-country"`.',
    });
    return false;
  }
  if (context.trustedHops < 1) {
    reportOption(context, 'error', 'geo-header-untrusted', {
      message: `No proxy in front is trusted, so clients write \`${header}\` themselves. The route refuses requests, because the rule would let everybody choose a country.`,
      at: ['header'],
      hint: 'Set `gateway.trustedHops` to the number of proxies in front, and have the outermost one replace this header.',
    });
    return false;
  }
  return coversCountriesOnly('allow', allow, context) && coversCountriesOnly('deny', deny, context);
}

function coversCountriesOnly(list: 'allow' | 'deny', places: PlacesOption | undefined, context: LowerContext): boolean {
  const other = (['continents', 'regions', 'asns'] as const).find((key) => places?.[key] !== undefined);
  if (other === undefined) return true;
  reportOption(context, 'error', 'geo-header-country-only', {
    message: `A header says the country only, so \`${other}\` cannot be judged on this platform. The route refuses requests.`,
    at: [list, other],
    hint: 'Name countries instead, or serve this route on a platform that places clients.',
  });
  return false;
}

function compileGeo({ allow, deny, header }: GeoOptions, { trustedHops }: LowerContext): CompiledGeo {
  return {
    ...(allow !== undefined && { allow: compilePlaces(allow) }),
    ...(deny !== undefined && { deny: compilePlaces(deny) }),
    // A platform that places clients may fail to; what a client wrote must not stand in for it.
    ...(header !== undefined && trustedHops > 0 && { header: header.toLowerCase() }),
  };
}

function compilePlaces({ countries, continents, regions, asns }: PlacesOption): CompiledPlaces {
  return {
    ...(countries !== undefined && { countries: texts(countries) }),
    ...(continents !== undefined && { continents: texts(continents) }),
    ...(regions !== undefined && { regions: texts(regions) }),
    ...(asns !== undefined && { asns: [...new Set(asns)].toSorted((a, b) => a - b) }),
  };
}

function texts(list: readonly string[]): readonly string[] {
  return [...new Set(list)].toSorted(compareCodePoints);
}
