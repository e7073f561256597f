/** What a request has of each part of a key. */
import type { Json } from '../../model/route-model.ts';
import { cookieName, trimmed } from '../authentication/cookie-pairs.ts';
import type { Consumer, RequestFacts } from '../contract.ts';
import { readQuery } from '../read-query.ts';
import { countedAddress, DEFAULT_IPV6_BITS } from './address-part.ts';
import type { CompiledKeyPart } from './compiled.ts';

/** What limits look at. */
export type LimitedRequest = {
  readonly facts: Pick<
    RequestFacts,
    'method' | 'authority' | 'path' | 'query' | 'clientIp' | 'place' | 'headers' | 'requestId'
  >;
  readonly consumer: Consumer | null;
  readonly routeId: string;
};

export type PartValue = {
  readonly text: string;
  /** The text is JSON of something that is no string. */
  readonly isJson?: true;
};

/** null: the request does not have it. Nobody in particular (`anonymous`) is no consumer. */
export function partValue(part: CompiledKeyPart, request: LimitedRequest): PartValue | null {
  if (part.from === 'claim') return claimValue(part.path, request.consumer);
  const text = partText(part, request);
  return text === null ? null : { text };
}

function partText(part: Exclude<CompiledKeyPart, { from: 'claim' }>, request: LimitedRequest): string | null {
  const { facts, consumer, routeId } = request;
  switch (part.from) {
    case 'address':
      return countedAddress(facts.clientIp, part.ipv6Bits ?? DEFAULT_IPV6_BITS);
    case 'header':
      return facts.headers.get(part.name);
    case 'cookie':
      return cookieValue(facts.headers.get('cookie'), part.name);
    case 'query':
      return readQuery(facts.query).get(part.name) ?? null;
    case 'constant':
      return part.value;
    case 'api-key':
      return consumer?.kind === 'api-key' ? consumer.id : null;
    case 'consumer':
      return consumer === null || consumer.kind === 'anonymous' ? null : consumer.id;
    case 'country':
      return facts.place?.country ?? null;
    case 'method':
      return facts.method;
    case 'route':
      return routeId;
    case 'authority':
      return facts.authority;
    default:
      return facts.query === null ? facts.path : `${facts.path}?${facts.query}`;
  }
}

/** The first cookie of this name, by the letter (RFC 6265 §5.4). */
function cookieValue(header: string | null, name: string): string | null {
  if (header === null || !header.includes(name)) return null;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals !== -1 && cookieName(pair) === name) return trimmed(pair.slice(equals + 1));
  }
  return null;
}

function claimValue(path: readonly string[], consumer: Consumer | null): PartValue | null {
  const claim = claimAt(consumer?.claims, path);
  if (claim === undefined || claim === null) return null;
  return typeof claim === 'string' ? { text: claim } : { text: JSON.stringify(claim), isJson: true };
}

/** undefined: there is none. Only objects have members, and only their own. */
export function claimAt(claims: Json | undefined, path: readonly string[]): Json | undefined {
  let value = claims;
  for (const name of path) {
    if (!isMembers(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function isMembers(json: Json | undefined): json is { readonly [member: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
