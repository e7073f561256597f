/** The decision of the `ip` policy: used by the handler and by `explain`, so that both say the same. */
import type { RequestFacts } from '../contract.ts';
import { createAddressSet, type AddressSet } from './address-set.ts';
import type { CompiledAddresses, CompiledIp } from './compiled.ts';

export type IpDecision = 'allowed' | 'denied-by-list' | 'not-on-allow-list' | 'address-unreadable';
type AddressFacts = Pick<RequestFacts, 'clientIp' | 'peerIp'>;

type Rule = { readonly of: 'client' | 'peer'; readonly set: AddressSet };
type PreparedIp = { readonly allow: readonly Rule[] | null; readonly deny: readonly Rule[] };

/** Throws for a range that is none. */
export function prepareIp({ allow, deny }: CompiledIp): PreparedIp {
  return {
    allow: allow === undefined ? null : prepareRules(allow),
    deny: deny === undefined ? [] : prepareRules(deny),
  };
}

function prepareRules({ client, peer }: CompiledAddresses): readonly Rule[] {
  const rules: Rule[] = [];
  if (client !== undefined) rules.push({ of: 'client', set: createAddressSet(client) });
  if (peer !== undefined) rules.push({ of: 'peer', set: createAddressSet(peer) });
  return rules;
}

/** What is no address is refused under either list: it might be one of the denied. */
export function decideIp({ allow, deny }: PreparedIp, facts: AddressFacts): IpDecision {
  for (const { of, set } of deny) {
    const found = set.find(addressOf(of, facts));
    if (found === 'inside') return 'denied-by-list';
    if (found === 'unreadable') return 'address-unreadable';
  }
  if (allow === null) return 'allowed';
  for (const { of, set } of allow) if (set.find(addressOf(of, facts)) === 'inside') return 'allowed';
  return 'not-on-allow-list';
}

function addressOf(of: 'client' | 'peer', { clientIp, peerIp }: AddressFacts): string {
  return of === 'client' ? clientIp : peerIp;
}
