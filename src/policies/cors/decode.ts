/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../model/route-model.ts';
import type { CompiledCors } from './compiled.ts';

/** Throws when the payload is not a CompiledCors. */
export function decodeCors(json: Json): CompiledCors {
  if (!isCompiledCors(json)) throw new Error('The cors policy of this program is not one this version understands.');
  return json;
}

function isCompiledCors(json: Json): json is CompiledCors {
  if (json === null || typeof json !== 'object' || !('origins' in json)) return false;
  const { origins, anyOrigin, credentials, methods, headers, exposedHeaders, maxAge } = json;
  return (
    Array.isArray(origins) &&
    origins.every((origin) => typeof origin === 'string') &&
    [anyOrigin, credentials].every((flag) => flag === undefined || flag === true) &&
    [methods, headers, exposedHeaders, maxAge].every((text) => text === undefined || typeof text === 'string')
  );
}
