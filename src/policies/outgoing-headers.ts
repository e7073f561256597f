/** The recorder behind `context.outgoing`; see OutgoingHeaders in contract.ts for when it is applied. */
import type { OutgoingHeaders } from './contract.ts';

type Operation =
  | { readonly kind: 'set' | 'append' | 'add'; readonly name: string; readonly value: string }
  | { readonly kind: 'delete'; readonly name: string };

const ALLOW_ORIGIN = 'access-control-allow-origin';
const EXPOSE_HEADERS = 'access-control-expose-headers';

/** What policies asked for during one request. */
export class OutgoingHeaderLog implements OutgoingHeaders {
  readonly #operations: Operation[] = [];
  readonly #exposed: string[] = [];

  set(name: string, value: string): void {
    this.#operations.push({ kind: 'set', name: name.toLowerCase(), value });
  }

  append(name: string, value: string): void {
    this.#operations.push({ kind: 'append', name: name.toLowerCase(), value });
  }

  add(name: string, value: string): void {
    this.#operations.push({ kind: 'add', name: name.toLowerCase(), value });
  }

  delete(name: string): void {
    this.#operations.push({ kind: 'delete', name: name.toLowerCase() });
  }

  expose(name: string): void {
    this.#exposed.push(name);
  }

  /** True when `applyTo` would change nothing, so that an untouched response need not be copied. */
  get isEmpty(): boolean {
    return this.#operations.length === 0;
  }

  /** Writes everything that was recorded into the headers of the answer about to leave (they must be mutable). */
  applyTo(headers: Headers): void {
    let sharedByUs = false;
    for (const operation of this.#operations) {
      if (operation.kind === 'delete') headers.delete(operation.name);
      else if (operation.kind === 'set') headers.set(operation.name, operation.value);
      else if (operation.kind === 'add') headers.append(operation.name, operation.value);
      else appendMember(headers, operation.name, operation.value);
      if (operation.name === ALLOW_ORIGIN) sharedByUs = operation.kind !== 'delete';
    }
    // Only when a policy of ours let the origin in: an upstream's own CORS answer is not ours to widen.
    if (sharedByUs) for (const name of this.#exposed) appendMember(headers, EXPOSE_HEADERS, name);
  }
}

function appendMember(headers: Headers, name: string, value: string): void {
  if (name === 'set-cookie') {
    headers.append(name, value);
    return;
  }
  const present = headers.get(name);
  if (present === null || present.trim() === '') {
    headers.set(name, value);
    return;
  }
  const members = new Set(present.split(',').map((member) => member.trim().toLowerCase()));
  // RFC 9110 §12.5.5: `Vary: *` already says more than any name could.
  if (members.has(value.toLowerCase()) || (name === 'vary' && members.has('*'))) return;
  headers.set(name, `${present}, ${value}`);
}
