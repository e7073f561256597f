/** Where a request shows an API key, and what goes on without it. */
import type { RequestFacts } from '../../contract.ts';
import type { HeaderEdit, ShownCredential } from '../method.ts';

/** Longer ones are no key of anybody. In characters. */
export const MAX_KEY_LENGTH = 1_024;

export type KeyPlaces = { readonly header: string; readonly scheme: boolean; readonly query: string | null };

export type PresentedKey =
  | { readonly kind: 'none' }
  | { readonly kind: 'several' }
  | { readonly kind: 'too-large' }
  | {
      readonly kind: 'one';
      readonly key: string;
      /** Takes the key out of the headers that go on. */
      readonly edits: readonly HeaderEdit[];
      /** The query without the key; undefined: it is not there. */
      readonly query?: string | null;
    };

const NO_EDITS: readonly HeaderEdit[] = [];
const WITHOUT_AUTHORIZATION: readonly HeaderEdit[] = [{ name: 'authorization', value: null, credential: true }];

/** Reads every place, because a key in a second one must not reach the upstream unseen. */
export function presentedKey(
  { headers, query }: Pick<RequestFacts, 'headers' | 'query'>,
  places: KeyPlaces,
  withoutHeader: readonly HeaderEdit[],
): PresentedKey {
  const inHeader = headers.get(places.header);
  const inScheme = places.scheme ? apiKeyScheme(headers.get('authorization')) : null;
  const inQuery = places.query === null || query === null ? null : takeParameter(query, places.query);
  const count = (inHeader === null ? 0 : 1) + (inScheme === null ? 0 : 1) + (inQuery?.values.length ?? 0);
  if (count === 0) return { kind: 'none' };
  if (count > 1) return { kind: 'several' };
  const key = inHeader ?? inScheme ?? inQuery?.values[0] ?? '';
  if (key.length > MAX_KEY_LENGTH) return { kind: 'too-large' };
  if (inHeader !== null) return { kind: 'one', key, edits: withoutHeader };
  if (inScheme !== null) return { kind: 'one', key, edits: WITHOUT_AUTHORIZATION };
  return { kind: 'one', key, edits: NO_EDITS, query: inQuery?.rest ?? null };
}

/** All of them, one for each place. */
export function shownKeys(
  { headers, query }: Pick<RequestFacts, 'headers' | 'query'>,
  places: KeyPlaces,
  withoutHeader: readonly HeaderEdit[],
): readonly ShownCredential[] {
  const shown: ShownCredential[] = [];
  if (headers.has(places.header)) shown.push({ place: `header:${places.header}`, edits: withoutHeader });
  if (places.scheme && apiKeyScheme(headers.get('authorization')) !== null)
    shown.push({ place: 'header:authorization', edits: WITHOUT_AUTHORIZATION });
  const inQuery = places.query === null || query === null ? null : takeParameter(query, places.query);
  if (inQuery !== null) shown.push({ place: `query:${places.query}`, edits: NO_EDITS, query: inQuery.rest });
  return shown;
}

/** The scheme's name in any case, then spaces (RFC 9110, section 11.4); null: another scheme or none. */
function apiKeyScheme(authorization: string | null): string | null {
  if (authorization === null) return null;
  const [, key] = /^apikey(?: +(.*))?$/i.exec(authorization) ?? [undefined, null];
  return key === null ? null : (key ?? '');
}

/** Names are compared decoded, as upstreams read them, so that no spelling of the name smuggles a second key. */
function takeParameter(query: string, name: string): { values: readonly string[]; rest: string | null } | null {
  const values: string[] = [];
  const rest: string[] = [];
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const partName = equals < 0 ? part : part.slice(0, equals);
    if (decoded(partName) === name) values.push(equals < 0 ? '' : decoded(part.slice(equals + 1)));
    else rest.push(part);
  }
  if (values.length === 0) return null;
  return { values, rest: rest.length === 0 ? null : rest.join('&') };
}

function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
