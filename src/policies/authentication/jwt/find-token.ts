/** Finds the one credential of a request. Two are never reconciled: somebody behind might take the other. */
import { cookieName, trimmed } from '../cookie-pairs.ts';
import type { RequestFacts } from '../../contract.ts';
import type { HeaderEdit, ShownCredential } from '../method.ts';
import type { CompiledTokenPlaces } from './compiled.ts';

export type FoundToken =
  | { readonly kind: 'none' }
  | { readonly kind: 'many' }
  | { readonly kind: 'one'; readonly text: string; readonly place: keyof CompiledTokenPlaces };

const NONE: FoundToken = { kind: 'none' };
const MANY: FoundToken = { kind: 'many' };

export function findToken(places: CompiledTokenPlaces, facts: Pick<RequestFacts, 'headers' | 'query'>): FoundToken {
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

const BEARER = /^bearer(?: |$)/i;
const FURTHER_BEARER = /,[ \t]*bearer(?:[ \t]|,|$)/i;
/** `bearer` as a whole scheme, followed by something that RFC 9110 §11.4 does not have there, such as a tab. */
const BROKEN_BEARER = /^bearer(?![A-Za-z0-9!#$%&'*+.^_`|~-])/i;

/**
 * Another scheme is another method's credential. The scheme's case does not count (RFC 9110 §11.1).
 * Lines of one name arrive joined by a comma, and a token holds none.
 */
function inAuthorization(value: string | null): FoundToken {
  if (value === null) return NONE;
  if (value.includes(',') && FURTHER_BEARER.test(value)) return MANY;
  if (BEARER.test(value)) return { kind: 'one', text: value.slice(7).replace(/^ +/, ''), place: 'authorization' };
  // Meant as a token, and none.
  return BROKEN_BEARER.test(value) ? { kind: 'one', text: '', place: 'authorization' } : NONE;
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
    if (behindCommas.some((text) => cookieName(text) === name)) return MANY;
    if (cookieName(first) !== name) continue;
    if (found.kind !== 'none') return MANY;
    const equals = pair.indexOf('=');
    found = { kind: 'one', text: equals === -1 ? '' : trimmed(pair.slice(equals + 1)), place: 'cookie' };
  }
  return found;
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

/** All of them, one for each place that is switched on. One in the query stays: the build refuses `strip` for it, too. */
export function shownTokens(
  places: CompiledTokenPlaces,
  facts: Pick<RequestFacts, 'headers' | 'query'>,
): readonly ShownCredential[] {
  const { authorization, header, cookie } = places;
  const shown: ShownCredential[] = [];
  const add = (place: 'authorization' | 'header' | 'cookie', name: string): void => {
    if (findToken({ [place]: places[place] }, facts).kind === 'none') return;
    const edit = stripEdit(places, place);
    if (edit !== null) shown.push({ place: `${place === 'cookie' ? 'cookie' : 'header'}:${name}`, edits: [edit] });
  };
  if (authorization === true) add('authorization', 'authorization');
  if (header !== undefined) add('header', header);
  if (cookie !== undefined) add('cookie', cookie);
  return shown;
}

/** Takes the token out of what goes on. A token in the query cannot be: the build refuses that. */
export function stripEdit(places: CompiledTokenPlaces, place: keyof CompiledTokenPlaces): HeaderEdit | null {
  switch (place) {
    case 'authorization':
      return { name: 'authorization', value: null, credential: true };
    case 'header':
      return places.header === undefined ? null : { name: places.header, value: null, credential: true };
    case 'cookie':
      if (places.cookie === undefined) return null;
      return { name: 'cookie', value: null, cookie: places.cookie, credential: true };
    default:
      return null;
  }
}
