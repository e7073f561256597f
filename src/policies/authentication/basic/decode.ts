/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../../model/route-model.ts';
import type { CompiledBasic } from './compiled.ts';

/** Throws when the payload is not a CompiledBasic. */
export function decodeBasic(json: Json): CompiledBasic {
  if (!isCompiledBasic(json)) throw new Error('The basic method of this program is not one this version understands.');
  return json;
}

function isCompiledBasic(json: Json): json is CompiledBasic {
  if (json === null || typeof json !== 'object' || !('realm' in json)) return false;
  const { realm, forward, ...others } = json;
  return typeof realm === 'string' && (forward === undefined || forward === true) && Object.keys(others).length === 0;
}
