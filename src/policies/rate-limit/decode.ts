/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../model/route-model.ts';
import type { CompiledLimit, CompiledRateLimit } from './compiled.ts';

/** Throws when the payload is not a CompiledRateLimit. */
export function decodeRateLimit(json: Json): CompiledRateLimit {
  if (!isCompiledRateLimit(json)) {
    throw new Error('The rate-limit policy of this program is not one this version understands.');
  }
  return json;
}

function isCompiledRateLimit(json: Json): json is CompiledRateLimit {
  if (json === null || typeof json !== 'object' || !('limits' in json)) return false;
  return Array.isArray(json.limits) && json.limits.every(isCompiledLimit);
}

function isCompiledLimit(json: Json): json is CompiledLimit {
  if (json === null || typeof json !== 'object' || !('counter' in json)) return false;
  const { label, counter, pattern, limit } = json;
  return (
    typeof label === 'string' &&
    typeof counter === 'string' &&
    (pattern === undefined || (Array.isArray(pattern) && pattern.every((piece) => typeof piece === 'string'))) &&
    limit !== null &&
    typeof limit === 'object' &&
    'algorithm' in limit
  );
}
