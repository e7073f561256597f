/** Finds the one credential of a request. Two are never reconciled: somebody behind might take the other. */
import type { RequestFacts } from '../../contract.ts';
import type { HeaderEdit } from '../method.ts';
import type { CompiledTokenPlaces } from './compiled.ts';

export type FoundToken =
  | { readonly kind: 'none' }
  | { readonly kind: 'many' }
  | { readonly kind: 'one'; readonly text: string; readonly place: keyof CompiledTokenPlaces };

const NONE: FoundToken = { kind: 'none' };
const MANY: FoundToken = { kind: 'many' };

export function findToken(places: CompiledTokenPlaces, facts: RequestFacts): FoundToken {
  let found = places.authorization === true ? inAuthorization(facts.headers.get('authorization')) : NONE;
  if (places.header !== undefined) found = both(found, inHeader(facts.headers.get(places.header)));
  if (places.cookie !== undefined) found = both(found, inCookie(facts.headers.get('cookie'), places.cookie));
  if (places.query !== undefined) found = both(found, inQuery(facts.query, places.query));
  return found;
}

function both(a: FoundToken, b: FoundToken): FoundToken {
  if (a.kind === 'none') return b;
  return b.kind === 'none' ? a : MANY;
}

/**
 * Another scheme is another method's credential. The scheme's case does not count (RFC 9110 §11.1).
 * Lines of one name arrive joined by a comma, and a token holds none.
 */
function inAuthorization(value: string | null): FoundToken {
  if (value === null) return NONE;
  const isBearer = /^bearer(?: |$)/i.test(value);
  if (
    value.includes(',') &&
    /(?:^|,)[ \t]*bearer(?:[ \t]|,|$)/i.test(isBearer ? value.slice(value.indexOf(',')) : value)
  )
    return MANY;
  if (isBearer) return { kind: 'one', text: value.slice(7).replace(/^ +/, ''), place: 'authorization' };
  // A tab for the space, or the like: meant as a token, and none.
  return /^bearer(?![A-Za-z0-9!#$%&'*+.^_`|~-])/i.test(value)
    ? { kind: 'one', text: '', place: 'authorization' }
    : NONE;
}

function inHeader(value: string | null): FoundToken {
  if (value === null) return NONE;
  return value.includes(',') ? MANY : { kind: 'one', text: value, place: 'header' };
}

/**
 * Names are compared exactly (RFC 6265). Cookie lines may arrive joined by a comma: a name behind one may
 * be a cookie to whoever reads it next, so it counts, and makes two readings of one request.
 */
function inCookie(value: string | null, name: string): FoundToken {
  if (value === null || !value.includes(name)) return NONE;
  let found = NONE;
  for (const pair of value.split(';')) {
    const [first = '', ...behindCommas] = pair.split(',');
    if (behindCommas.some((text) => nameOf(text) === name)) return MANY;
    if (nameOf(first) !== name) continue;
    if (found.kind !== 'none') return MANY;
    const equals = pair.indexOf('=');
    found = { kind: 'one', text: equals === -1 ? '' : pair.slice(equals + 1).trim(), place: 'cookie' };
  }
  return found;
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return (equals === -1 ? pair : pair.slice(0, equals)).trim();
}

/** Names may be written with escapes; the value of a token needs none, and is taken as it stands. */
function inQuery(query: string | null, name: string): FoundToken {
  if (query === null) return NONE;
  let found = NONE;
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const raw = equals === -1 ? pair : pair.slice(0, equals);
    if (raw !== name && (!raw.includes('%') || decodedName(raw) !== name)) continue;
    if (found.kind !== 'none') return MANY;
    found = { kind: 'one', text: equals === -1 ? '' : pair.slice(equals + 1), place: 'query' };
  }
  return found;
}

function decodedName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Takes the token out of what goes on. A token in the query cannot be: the build refuses that. */
export function stripEdit(
  places: CompiledTokenPlaces,
  place: keyof CompiledTokenPlaces,
  headers: Headers,
): HeaderEdit | null {
  switch (place) {
    case 'authorization':
      return { name: 'authorization', value: null };
    case 'header':
      return places.header === undefined ? null : { name: places.header, value: null };
    case 'cookie': {
      const others = (headers.get('cookie') ?? '').split(';').filter((pair) => nameOf(pair) !== places.cookie);
      const value = others
        .map((pair) => pair.trim())
        .filter((pair) => pair !== '')
        .join('; ');
      return { name: 'cookie', value: value === '' ? null : value };
    }
    default:
      return null;
  }
}
