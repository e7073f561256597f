/** CompiledKeys as they come out of a stored program. */
import type { Json } from '../../../../model/route-model.ts';
import type { PolicyTarget } from '../../../contract.ts';
import type { CompiledKeys } from './key-source.ts';

type Members = { readonly [name: string]: Json };

/** Throws on anything else: the route must then refuse. */
export function decodeKeys(json: Json): CompiledKeys {
  const keys = membersOf(json);
  switch (keys['kind']) {
    case 'jwks':
      return { kind: 'jwks', ...remoteOf(keys) };
    case 'discovery':
      return { kind: 'discovery', ...remoteOf(keys), issuer: textOf(keys, 'issuer') };
    case 'inline':
      if (!Array.isArray(keys['keys'])) throw new Error('The compiled keys hold no list.');
      return { kind: 'inline', keys: keys['keys'] };
    case 'secret':
      return { kind: 'secret', name: textOf(keys, 'name'), algorithm: algorithmOf(keys['algorithm']) };
    default:
      throw new Error('The compiled keys are of a kind that this gateway does not know.');
  }
}

function remoteOf(keys: Members): { target: PolicyTarget; path: string; maxStaleMs: number } {
  const { target, maxStaleMs } = keys;
  const place = membersOf(target ?? null);
  const via = membersOf(place['via'] ?? null);
  if (typeof maxStaleMs !== 'number' || !Number.isSafeInteger(maxStaleMs) || maxStaleMs < 0) {
    throw new Error('The compiled keys have no usable stale bound.');
  }
  return {
    target: { upstream: textOf(place, 'upstream'), origin: textOf(place, 'origin'), via: transportOf(via) },
    path: textOf(keys, 'path'),
    maxStaleMs,
  };
}

function transportOf(via: Members): PolicyTarget['via'] {
  const kind = via['kind'];
  if (kind === 'binding' || kind === 'fetch') return { kind };
  if (kind === 'vpc') return { kind, binding: textOf(via, 'binding') };
  throw new Error('The compiled keys have a transport that this gateway does not know.');
}

function algorithmOf(value: Json | undefined): 'HS256' | 'HS384' | 'HS512' {
  if (value === 'HS256' || value === 'HS384' || value === 'HS512') return value;
  throw new Error('The compiled keys have no usable algorithm.');
}

function textOf(members: Members, name: string): string {
  const value = members[name];
  if (typeof value !== 'string') throw new Error(`The compiled keys have no ${name}.`);
  return value;
}

function membersOf(value: Json): Members {
  if (!isMembers(value)) throw new Error('The compiled keys are no object.');
  return value;
}

function isMembers(value: Json): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
