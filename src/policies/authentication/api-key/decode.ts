/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../../model/route-model.ts';
import type { CompiledApiKey } from './compiled.ts';

/** Throws when the payload is not a CompiledApiKey. */
export function decodeApiKey(json: Json): CompiledApiKey {
  if (!isCompiledApiKey(json))
    throw new Error('The api-key method of this program is not one this version understands.');
  return json;
}

const MEMBERS = {
  issued: ['kind', 'header', 'forward', 'realm', 'query', 'environments'],
  'secret-set': ['kind', 'header', 'forward', 'realm', 'sets'],
} as const;

function isCompiledApiKey(json: Json): json is CompiledApiKey {
  if (json === null || typeof json !== 'object' || !('kind' in json)) return false;
  const { kind, header, forward, realm, query, environments, sets } = json;
  if (kind !== 'issued' && kind !== 'secret-set') return false;
  const known: readonly string[] = MEMBERS[kind];
  if (Object.keys(json).some((name) => !known.includes(name))) return false;
  if (typeof header !== 'string' || typeof realm !== 'string' || (forward !== undefined && forward !== true))
    return false;
  if (query !== undefined && typeof query !== 'string') return false;
  return isTexts(kind === 'issued' ? environments : sets);
}

function isTexts(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === 'string');
}
