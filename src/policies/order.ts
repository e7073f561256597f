/**
 * The one order in which policies run, whatever order they were written in.
 *
 * 1. CORS preflight        the browser's question carries no credentials, so nothing may demand them
 * 2. size, syntax limits   cheap refusals before anything costly reads the request
 * 3. IP and geography      cheap, and needs nothing but the client address
 * 4. WAF                   hostile input is stopped before an identity provider sees it
 * 5. authentication        first what limits guesses and floods; then who is asking: filters, then [login by OAuth2 and OIDC, not built], then auth
 * 6. authorisation         may they; needs the identity
 * 7. rate limit            may count per identity, and never counts what was refused above
 * 8. transforms            every decision above saw the request as the client sent it, and authentication left it
 *
 * Only policies that exist have an entry. Adding one: a line here, in lowerings.ts and in handlers.ts.
 */
export type PolicyOrderEntry = {
  readonly name: string;
  /** Number of the stage in the table above. */
  readonly stage: number;
  /** Why it runs there. */
  readonly reason: string;
  /** What becomes of a request that it cannot decide about. A policy that cannot be run at all refuses: 503 `policy-not-enforced`. */
  readonly undecided: string;
  /** It may change request headers, after which another route may be the right one. */
  readonly changesHeaders?: true;
};

export const POLICY_ORDER: readonly PolicyOrderEntry[] = [
  {
    name: 'cors',
    stage: 1,
    reason:
      'a preflight carries no credentials, so it is answered before any policy could refuse it; and every later refusal must carry the CORS headers to be readable',
    undecided: 'nothing to ask: the request passes without CORS headers of ours, which browsers refuse to read',
  },
  {
    name: 'ip',
    stage: 3,
    reason:
      'needs nothing but the address, so whom it refuses costs neither a signature check nor a question to anyone',
    undecided: 'refused: an address that cannot be read is on no allow list and on every deny list',
  },
  {
    name: 'geo',
    stage: 3,
    reason: 'needs nothing but where the address is; after ip, whose refusal is the more certain one',
    undecided: 'refused under allow lists: an unknown place is none of them; under deny lists alone it passes',
  },
  {
    name: 'rate-limit-early',
    stage: 5,
    reason:
      'counts what authentication refuses, so it stands in front of it; behind ip and geo, whose refusals cost nobody a count',
    undecided: 'passes, and the log says so; limits that are closed, and `failOpen: never`, refuse with 503',
  },
  {
    name: 'filters',
    stage: 5,
    reason:
      'before the routes’ own demands, as Ambassador runs its Filters in one question ahead of everything that knows the caller; only what is cheap and certain refuses earlier',
    undecided: 'as if the Filter that cannot be asked had refused: `onDeny: continue` goes on, as in Ambassador',
    changesHeaders: true,
  },
  {
    name: 'auth',
    stage: 5,
    reason:
      'costs signatures and questions to others, so what is cheap and certain refuses first; everything below may ask who is calling',
    undecided: 'refused with 503, unless an external service is declared with `failureModeAllow`',
    changesHeaders: true,
  },
  {
    name: 'authorize',
    stage: 6,
    reason: 'judges who is calling, so authentication has found that out; what it refuses is not counted by any limit',
    undecided: 'refused with 403 `authorize-error`, whatever the effect of the rule that failed',
  },
  {
    name: 'rate-limit',
    stage: 7,
    reason:
      'counts only requests that every earlier policy let through, just before they would cost the upstream something',
    undecided: 'passes, and the log says so; limits that are closed, and `failOpen: never`, refuse with 503',
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
