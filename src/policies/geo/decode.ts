/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../model/route-model.ts';
import type { CompiledGeo, CompiledPlaces } from './compiled.ts';

const TEXT_LISTS: ReadonlySet<string> = new Set(['countries', 'continents', 'regions']);

/** Throws when the payload is not a CompiledGeo. */
export function decodeGeo(json: Json): CompiledGeo {
  if (!isCompiledGeo(json)) throw new Error('The geo policy of this program is not one this version understands.');
  return json;
}

function isCompiledGeo(json: Json): json is CompiledGeo {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return false;
  const { allow, deny, header, ...others } = Object.fromEntries(Object.entries(json));
  return (
    Object.keys(others).length === 0 &&
    (allow !== undefined || deny !== undefined) &&
    [allow, deny].every((places) => places === undefined || isPlaces(places)) &&
    (header === undefined || typeof header === 'string')
  );
}

function isPlaces(json: Json): json is CompiledPlaces {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return false;
  const lists = Object.entries(json);
  return (
    lists.length > 0 &&
    lists.every(([key, list]) => {
      const type = TEXT_LISTS.has(key) ? 'string' : key === 'asns' ? 'number' : null;
      return Array.isArray(list) && list.length > 0 && list.every((each) => typeof each === type);
    })
  );
}
