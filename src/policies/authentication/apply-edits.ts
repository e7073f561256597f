/** Header changes of authentication, applied to the request that goes on. */
import { cookieName, trimmed } from './cookie-pairs.ts';
import type { HeaderEdit } from './method.ts';

/** True when something changed that may lead to another route. A header that holds what it should is left alone. */
export function applyEdits(edits: readonly HeaderEdit[], headers: Headers): boolean {
  let isChanged = false;
  for (const { name, value, append, cookie, credential } of edits) {
    const before = headers.get(name);
    if (cookie !== undefined) {
      if (!removeCookie(headers, cookie) || credential === true) continue;
    } else if (value === null) {
      if (before === null) continue;
      headers.delete(name);
      // A route that asks for the header would otherwise be lost with the credential that opened it.
      if (credential === true) continue;
    } else if (append === true) headers.append(name, value);
    else {
      if (before === value) continue;
      headers.set(name, value);
    }
    isChanged = true;
  }
  return isChanged;
}

/** True when there was one. Others keep their order; a header without any is removed. */
function removeCookie(headers: Headers, name: string): boolean {
  const pairs = (headers.get('cookie') ?? '').split(';').map(trimmed);
  const kept = pairs.filter((pair) => pair !== '' && cookieName(pair) !== name);
  if (kept.length === pairs.filter((pair) => pair !== '').length) return false;
  if (kept.length === 0) headers.delete('cookie');
  else headers.set('cookie', kept.join('; '));
  return true;
}
