/** Header changes of authentication, applied to the request that goes on. */
import type { HeaderEdit } from './method.ts';

/** True when something changed that may lead to another route. A header that holds what it should is left alone. */
export function applyEdits(edits: readonly HeaderEdit[], headers: Headers): boolean {
  let isChanged = false;
  for (const { name, value, append, credential } of edits) {
    const before = headers.get(name);
    if (value === null) {
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
