/** `ip_allow` and `ip_deny` of the Module → an `ip` policy on the route of every Mapping, redirects included. */
import type { Report } from '../../diagnostics/finding.ts';
import type { PolicyUse, RefuseAction } from '../../model/route-model.ts';
import { formatCidr, parseCidr } from '../../policies/ip/cidr.ts';
import { isRecord } from './module-defaults.ts';
import { provenanceAt, reportAt } from './report-at.ts';
import type { ModuleResource } from './types.ts';

export type IpRules = {
  readonly policies: readonly PolicyUse[];
  /** Set when nobody can say whom the rules let in: every route refuses. */
  readonly refuse: RefuseAction | null;
};

/** As the options of the `ip` policy write it. */
type AddressEntry = { readonly client: string } | { readonly peer: string };

const NONE: IpRules = { policies: [], refuse: null };
const UNREADABLE: IpRules = {
  policies: [],
  refuse: {
    kind: 'refuse',
    status: 500,
    code: 'resource-invalid',
    message: 'The address rules of the gateway are not valid.',
  },
};

/** An absent or empty list says nothing, as in Ambassador. Everything wrong is reported. */
export function readIpRules(module: ModuleResource | null, report: Report): IpRules {
  if (module === null) return NONE;
  const lists = (['ip_allow', 'ip_deny'] as const).filter((key) => isWritten(module.spec.config[key]));
  const [list] = lists;
  if (list === undefined) return NONE;
  if (lists.length > 1) {
    reportAt(report, module, {
      severity: 'error',
      code: 'ip-rules-conflict',
      message:
        '`ip_allow` and `ip_deny` exclude each other in Ambassador, so nobody can say which one was meant. Every route refuses.',
      path: 'spec.config.ip_deny',
      hint: 'Keep one of them; a route of routes.config.ts may have both lists in its `ip` policy.',
    });
    return UNREADABLE;
  }
  const entries = readEntries(module, list, report);
  if (entries === null) return UNREADABLE;
  const options = list === 'ip_allow' ? { allow: entries } : { deny: entries };
  return { policies: [{ policy: 'ip', options, source: provenanceAt(module, `spec.config.${list}`) }], refuse: null };
}

function isWritten(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null && value !== '';
}

/** null when an entry cannot be read: without it the list would let others in. */
function readEntries(module: ModuleResource, list: string, report: Report): readonly AddressEntry[] | null {
  const value = module.spec.config[list];
  // Anything but a list was reported when the Module was read.
  if (!Array.isArray(value)) return null;
  const entries = value.map((entry: unknown, index) => {
    const option = readEntry(entry);
    if (option === null) reportEntry(module, `spec.config.${list}[${index}]`, report);
    return option;
  });
  const read = entries.filter((entry) => entry !== null);
  return read.length === entries.length ? read : null;
}

/** `peer` is the TCP peer, `remote` the client that forwarding headers of trusted proxies name. */
function readEntry(entry: unknown): AddressEntry | null {
  if (!isRecord(entry) || Object.keys(entry).length !== 1) return null;
  const { peer, remote } = entry;
  const text = peer ?? remote;
  const cidr = typeof text === 'string' ? parseCidr(text) : null;
  if (cidr === null) return null;
  return peer === undefined ? { client: formatCidr(cidr) } : { peer: formatCidr(cidr) };
}

function reportEntry(module: ModuleResource, path: string, report: Report): void {
  reportAt(report, module, {
    severity: 'error',
    code: 'field-invalid',
    message: 'This is no address rule, so nobody can say whom the list lets in. Every route refuses.',
    path,
    hint: 'Write `peer: 192.0.2.0/24` (the TCP peer) or `remote: 10.0.0.0/8` (the client behind trusted proxies).',
  });
}
