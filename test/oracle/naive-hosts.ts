/** The oracle's reading of Hosts: which one serves a name, which Mappings it takes, which requests are secure. */
import type { NaiveHost, NaiveListener, NaiveRequest } from './ambassador-resources.ts';

type Labels = Readonly<Record<string, string>>;
export type MappingHost = { readonly glob: string; readonly regex: boolean };

export function chooseVirtualHost(hosts: readonly NaiveHost[], name: string): NaiveHost | null {
  const rank = (glob: string): number => {
    if (glob === name) return 30_000;
    if (glob === '*') return 1;
    if (!globMatches(glob, name)) return 0;
    return (glob.startsWith('*') ? 20_000 : 10_000) + glob.length;
  };
  const fitting = hosts.filter((host) => rank(hostnameOf(host)) > 0);
  return fitting.toSorted((a, b) => rank(hostnameOf(b)) - rank(hostnameOf(a)))[0] ?? null;
}

/** Hosts and Mappings of one group: `glob` null: the group names no hostname. */
export function attaches(
  { host, labels }: { readonly host: MappingHost | null; readonly labels: Labels },
  own: NaiveHost | null,
  hosts: readonly NaiveHost[],
  unattached: 'serve' | 'drop',
): boolean {
  if (hosts.length === 0) return true;
  const selects = ({ spec: { mappingSelector } }: NaiveHost): boolean =>
    mappingSelector !== undefined && hasAll(labels, mappingSelector.matchLabels);
  if (own === null) return unattached === 'serve' && host === null && !hosts.some(selects);
  if (own.spec.mappingSelector !== undefined && !selects(own)) return false;
  if (host === null) return own.spec.mappingSelector !== undefined;
  return host.regex || hostglobMatches(hostnameOf(own), portless(host.glob));
}

export function hostnameOf({ spec }: NaiveHost): string {
  return portless(spec.hostname ?? '*');
}

export function portless(glob: string): string {
  return glob.toLowerCase().replace(/:\d+$/, '');
}

/** Could one name match both? */
function hostglobMatches(a: string, b: string): boolean {
  if (a === b || a === '*' || b === '*') return true;
  if (a.startsWith('.') || b.startsWith('.')) return false;
  const [one, other] = [wildcardOf(a), wildcardOf(b)];
  if (one === 'both' || other === 'both') return false;
  if (one === 'none') return other !== 'none' && globMatches(b, a);
  if (other === 'none') return globMatches(a, b);
  if (one !== other) return true;
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  return one === 'leading' ? long.endsWith(short.slice(1)) : long.startsWith(short.slice(0, -1));
}

function wildcardOf(glob: string): 'none' | 'leading' | 'trailing' | 'both' {
  if (glob.startsWith('*')) return glob.endsWith('*') ? 'both' : 'leading';
  return glob.endsWith('*') ? 'trailing' : 'none';
}

export function globMatches(glob: string, name: string): boolean {
  if (glob === '*') return true;
  if (glob.startsWith('*')) return name.length >= glob.length && name.endsWith(glob.slice(1));
  if (glob.endsWith('*')) return name.length >= glob.length && name.startsWith(glob.slice(0, -1));
  return glob === name;
}

export function isSecure(
  host: NaiveHost,
  listeners: readonly NaiveListener[],
  { transport, headers }: NaiveRequest,
): boolean | 'unserved' | 'unspecified' {
  const proto = effectiveScheme(listeners, { transport, headers });
  if (listeners.length === 0) return proto === 'https';
  const taking = listeners.filter(({ meta, spec: { hostBinding } }) => {
    const sameNamespace = hostBinding.namespace?.from === 'ALL' || meta.namespace === host.meta.namespace;
    return sameNamespace && hasAll(host.meta.labels, hostBinding.selector?.matchLabels ?? {});
  });
  if (taking.length === 0) return 'unserved';
  const listener = taking.find(({ spec }) => spec.protocol === (transport === 'https' ? 'HTTPS' : 'HTTP'));
  if (listener === undefined) return 'unspecified';
  return listener.spec.securityModel === 'XFP' ? proto === 'https' : listener.spec.securityModel === 'SECURE';
}

/** `http` or `https`. Without a trusted proxy the header is overwritten from the transport. */
export function effectiveScheme(
  listeners: readonly NaiveListener[],
  { transport, headers }: Pick<NaiveRequest, 'transport' | 'headers'>,
): string {
  const depth = Math.max(0, ...listeners.map(({ spec }) => spec.l7Depth));
  const said = depth > 0 ? (headers['x-forwarded-proto'] ?? transport) : transport;
  return said === 'https' ? 'https' : 'http';
}

export function hasAll(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
