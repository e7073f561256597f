/**
 * The one order in which policies run, whatever order they were written in.
 *
 * 1. CORS preflight        the browser's question carries no credentials, so nothing may demand them
 * 2. size, syntax limits   cheap refusals before anything costly reads the request
 * 3. IP and geography      cheap, and needs nothing but the client address
 * 4. WAF                   hostile input is stopped before an identity provider sees it
 * 5. authentication        who is asking
 * 6. authorisation         may they; needs the identity
 * 7. rate limit            may count per identity, and never counts what was refused above
 * 8. transforms            every decision above saw the request as the client sent it
 *
 * Only policies that exist have an entry. Adding one: a line here, in lowerings.ts and in handlers.ts.
 */
export type PolicyOrderEntry = {
  readonly name: string;
  /** Number of the stage in the table above. */
  readonly stage: number;
  /** Why it runs there. */
  readonly reason: string;
  /** It may change request headers, after which another route may be the right one. */
  readonly changesHeaders?: true;
};

export const POLICY_ORDER: readonly PolicyOrderEntry[] = [
  {
    name: 'cors',
    stage: 1,
    reason:
      'a preflight carries no credentials, so it is answered before any policy could refuse it; and every later refusal must carry the CORS headers to be readable',
  },
  {
    name: 'ip',
    stage: 3,
    reason:
      'needs nothing but the address, so whom it refuses costs neither a signature check nor a question to anyone',
  },
  {
    name: 'geo',
    stage: 3,
    reason: 'needs nothing but where the address is; after ip, whose refusal is the more certain one',
  },
  {
    name: 'filters',
    stage: 5,
    reason:
      'before the routes’ own demands, as Ambassador runs its Filters in one question ahead of everything that knows the caller; only what is cheap and certain refuses earlier',
    changesHeaders: true,
  },
  {
    name: 'auth',
    stage: 5,
    reason:
      'costs signatures and questions to others, so what is cheap and certain refuses first; everything below may ask who is calling',
    changesHeaders: true,
  },
  {
    name: 'authorize',
    stage: 6,
    reason: 'judges who is calling, so authentication has found that out; what it refuses is not counted by any limit',
  },
  {
    name: 'rate-limit',
    stage: 7,
    reason:
      'counts only requests that every earlier policy let through, just before they would cost the upstream something',
  },
];

const POSITIONS: ReadonlyMap<string, number> = new Map(POLICY_ORDER.map(({ name }, position) => [name, position]));

/** Position in the chain, smaller runs first; null for a policy that does not exist. */
export function policyOrder(name: string): number | null {
  return POSITIONS.get(name) ?? null;
}

const CHANGING: ReadonlySet<string> = new Set(
  POLICY_ORDER.flatMap(({ name, changesHeaders }) => (changesHeaders === true ? [name] : [])),
);

export function mayChangeHeaders(name: string): boolean {
  return CHANGING.has(name);
}
