/** The tables of a domain whose hostname restriction holds for a host. */
import { stripPatternPort } from '../model/hostname.ts';
import type { GatewaySettings } from '../model/route-model.ts';
import type { CompiledDomain, CompiledHostname, TableRef } from '../program/route-program.ts';
import { HostIndex } from './host-index.ts';
import { regexMatches } from './regex.ts';

type HostPort = GatewaySettings['hostPort'];
type Selector = { readonly byPattern: HostIndex<TableRef>; readonly byRegex: readonly TableRef[] };

/** Built for a domain when it is first asked for; a domain belongs to one program and so to one `hostPort`. */
const selectors = new WeakMap<CompiledDomain, Selector>();

/** `host`: the hostname, or the whole authority with `hostPort: strict`. */
export function selectTables(domain: CompiledDomain, host: string, hostPort: HostPort): readonly TableRef[] {
  let selector = selectors.get(domain);
  if (selector === undefined) {
    selector = buildSelector(domain.tables, hostPort);
    selectors.set(domain, selector);
  }
  const regexHeld = selector.byRegex.filter(({ hostname }) => isRegex(hostname) && regexMatches(hostname.regex, host));
  return [...selector.byPattern.all(host), ...regexHeld];
}

function buildSelector(tables: readonly TableRef[], hostPort: HostPort): Selector {
  const byPattern = new HostIndex<TableRef>();
  for (const table of tables) {
    if (table.hostname === null) byPattern.add('*', table);
    else if (!isRegex(table.hostname)) {
      byPattern.add(hostPort === 'strict' ? table.hostname : stripPatternPort(table.hostname), table);
    }
  }
  return { byPattern, byRegex: tables.filter(({ hostname }) => isRegex(hostname)) };
}

function isRegex(hostname: CompiledHostname): hostname is Exclude<CompiledHostname, string | null> {
  return hostname !== null && typeof hostname !== 'string';
}

/** For messages. */
export function describeHostname(hostname: CompiledHostname): string {
  if (hostname === null) return '*';
  return isRegex(hostname) ? `regex ${hostname.regex.source}` : hostname;
}
