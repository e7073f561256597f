/** Authored `ip` options → minimal lists of ranges. */
import type { Json } from '../../model/route-model.ts';
import type { LowerContext, PolicyLowering } from '../contract.ts';
import { parseOptions, reportOption } from '../parse-options.ts';
import { formatCidr, minimalCidrs, parseCidr, type Cidr } from './cidr.ts';
import type { CompiledAddresses, CompiledIp } from './compiled.ts';
import { decideIp, prepareIp, type IpDecision } from './decide.ts';
import { decodeIp } from './decode.ts';
import { ipOptionsSchema, type AddressOption, type IpOptions } from './options.ts';

const KNOWN_KEYS = ['allow', 'deny', 'of', 'client', 'peer'] as const;

export const ipLowering: PolicyLowering = {
  name: 'ip',
  lower(options, context) {
    const parsed = parseOptions(ipOptionsSchema, options, { policy: 'ip', knownKeys: KNOWN_KEYS, context });
    if (parsed === null) return null;
    // Both lists are read even when one is broken, so that one run shows everything.
    const lists = { allow: compileList('allow', parsed, context), deny: compileList('deny', parsed, context) };
    if (lists.allow === null || lists.deny === null) return null;
    const { allow, deny } = lists;
    return { ...(allow && { allow }), ...(deny && { deny }) } satisfies CompiledIp satisfies Json;
  },
  explain(json, { clientIp, peerIp }) {
    const decision = decideIp(prepareIp(decodeIp(json)), { clientIp, peerIp });
    return {
      input: { clientIp, peerIp },
      note: NOTES[decision],
      ...(decision !== 'allowed' && { answersWith: 403 }),
    };
  },
};

const NOTES: Readonly<Record<IpDecision, string>> = {
  allowed: 'the address may make requests',
  'denied-by-list': 'the address is on the deny list: 403 ip-denied',
  'not-on-allow-list': 'the address is not on the allow list: 403 ip-denied',
  'address-unreadable': 'the address cannot be read, so it could be one of the denied: 403 ip-denied',
};

/** undefined: there is no such list. null after reporting a range that is none: leaving it out would let others in. */
function compileList(
  key: 'allow' | 'deny',
  options: IpOptions,
  context: LowerContext,
): CompiledAddresses | null | undefined {
  const list = options[key];
  if (list === undefined) return undefined;
  const found: Record<'client' | 'peer', Cidr[]> = { client: [], peer: [] };
  let complete = true;
  for (const [index, option] of list.entries()) {
    const { of, text } = readOption(option, options.of ?? 'client');
    const cidr = parseCidr(text);
    if (cidr === null) {
      reportNoRange(text, [key, index], context);
      complete = false;
      continue;
    }
    if (cidr.hasHostBits) reportHostBits(text, cidr, [key, index], context);
    found[of].push(cidr);
  }
  if (!complete) return null;
  const client = minimalCidrs(found.client).map(formatCidr);
  const peer = minimalCidrs(found.peer).map(formatCidr);
  return { ...(client.length > 0 && { client }), ...(peer.length > 0 && { peer }) };
}

function readOption(option: AddressOption, of: 'client' | 'peer'): { of: 'client' | 'peer'; text: string } {
  if (typeof option === 'string') return { of, text: option };
  return 'client' in option ? { of: 'client', text: option.client } : { of: 'peer', text: option.peer };
}

function reportNoRange(text: string, at: readonly PropertyKey[], context: LowerContext): void {
  reportOption(context, 'error', 'ip-range-invalid', {
    message: `\`${text}\` is neither an IP address nor a CIDR range. The route refuses requests, because nobody can say whom it meant.`,
    at,
    hint: 'Write an address (`203.0.113.7`, `2001:db8::1`) or a range (`10.0.0.0/8`, `2001:db8::/32`), without zone and without port.',
  });
}

function reportHostBits(text: string, cidr: Cidr, at: readonly PropertyKey[], context: LowerContext): void {
  reportOption(context, 'warning', 'ip-range-host-bits', {
    message: `\`${text}\` names an address inside its range; the whole range ${formatCidr(cidr)} is meant by it.`,
    at,
    hint: `Write \`${formatCidr(cidr)}\`, or the address alone if only that one is meant.`,
  });
}
