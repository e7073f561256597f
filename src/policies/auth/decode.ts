/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../model/route-model.ts';
import type { CompiledAuth, CompiledAuthMethod } from './compiled.ts';

/** Throws when the payload is not a CompiledAuth. */
export function decodeAuth(json: Json): CompiledAuth {
  if (!isCompiledAuth(json)) throw new Error('The auth policy of this program is not one this version understands.');
  return json;
}

function isCompiledAuth(json: Json): json is CompiledAuth {
  if (json === null || typeof json !== 'object' || !('methods' in json)) return false;
  const { require, optional, keepRoute, methods } = json;
  return (
    (require === 'any' || require === 'all') &&
    (optional === undefined || optional === true) &&
    (keepRoute === undefined || keepRoute === true) &&
    Array.isArray(methods) &&
    methods.length > 0 &&
    methods.every(isMethod)
  );
}

function isMethod(json: Json): json is CompiledAuthMethod {
  return (
    json !== null && typeof json === 'object' && 'method' in json && typeof json.method === 'string' && 'config' in json
  );
}
