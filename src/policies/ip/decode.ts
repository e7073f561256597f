/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../model/route-model.ts';
import type { CompiledAddresses, CompiledIp } from './compiled.ts';

/** Throws when the payload is not a CompiledIp. */
export function decodeIp(json: Json): CompiledIp {
  if (!isCompiledIp(json)) throw new Error('The ip policy of this program is not one this version understands.');
  return json;
}

function isCompiledIp(json: Json): json is CompiledIp {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return false;
  if (Object.keys(json).some((key) => key !== 'allow' && key !== 'deny')) return false;
  const lists = Object.values(json);
  return lists.length > 0 && lists.every(isAddresses);
}

function isAddresses(json: Json): json is CompiledAddresses {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return false;
  if (Object.keys(json).some((key) => key !== 'client' && key !== 'peer')) return false;
  const lists = Object.values(json);
  return (
    lists.length > 0 &&
    lists.every((list) => Array.isArray(list) && list.length > 0 && list.every((each) => typeof each === 'string'))
  );
}
