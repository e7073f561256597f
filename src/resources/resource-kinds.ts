/**
 * Which kinds are known. Everything else of our API groups is most likely a misspelling, and everything
 * outside them is somebody else's.
 */
import { nearest } from '../diagnostics/nearest.ts';

/** What a kind means to the compiler. `unenforced`: recognised, see ambassador/coverage.ts. */
export type KindRole = (typeof carriedKinds)[number] | (typeof protectingKinds)[number] | 'unenforced';

export type UnenforcedKind = (typeof unenforcedKinds)[number];

export const unenforcedKinds = [
  'WebApplicationFirewall',
  'WebApplicationFirewallPolicy',
  'EnvoyFilter',
  'EnvoyFilterPolicy',
  'DevPortal',
  'TLSContext',
  'TracingService',
  'LogService',
  'KubernetesServiceResolver',
  'KubernetesEndpointResolver',
  'ConsulResolver',
  'TCPMapping',
  'Project',
  'ProjectController',
  'ProjectRevision',
] as const;

const carriedKinds = ['Mapping', 'Host', 'Listener', 'Module'] as const;

/** Read in any version: one whose version is not known still says that something is protected. */
const protectingKinds = ['AuthService', 'Filter', 'FilterPolicy', 'RateLimitService', 'RateLimit'] as const;

/** Kinds of the 2.0 previews: the same resources under longer names. */
const previewNames: ReadonlyMap<string, string> = new Map(
  ['Mapping', 'Host', 'Listener', 'TCPMapping'].map((kind) => [`Ambassador${kind}`, kind]),
);

const edgeStackKinds = [
  'Filter',
  'FilterPolicy',
  'WebApplicationFirewall',
  'WebApplicationFirewallPolicy',
  'EnvoyFilter',
  'EnvoyFilterPolicy',
] as const;

const ambassadorKinds: readonly string[] = [...carriedKinds, ...protectingKinds, ...unenforcedKinds];

/** Whether resources of this role may protect routes: all may that are not routes or where these are served. */
export function mayProtect(role: KindRole): boolean {
  return !carriedKinds.some((kind) => kind === role);
}

/** Kinds that are read, by API group. */
export const kindsByGroup: ReadonlyMap<string, readonly string[]> = new Map([
  ['getambassador.io', ambassadorKinds],
  ['x.getambassador.io', [...previewNames.keys(), ...ambassadorKinds]],
  ['gateway.getambassador.io', edgeStackKinds],
]);

/** Versions whose shape is known. Kinds that protect and unenforced kinds are taken in any version: left out, they would protect nothing. */
export const carriedVersions = ['v1', 'v2', 'v3alpha1'] as const;

export type KindClass =
  | {
      readonly known: 'resource';
      readonly role: KindRole;
      /** The kind's present name. */
      readonly kind: string;
      readonly group: string;
      /** v1 and v2, whose shapes differ from v3alpha1. */
      readonly legacy: boolean;
    }
  | { readonly known: 'wrong-version'; readonly kind: string; readonly group: string }
  | { readonly known: 'wrong-kind'; readonly group: string; readonly kinds: readonly string[] }
  | { readonly known: 'gateway-api' }
  | { readonly known: 'foreign' };

export function classifyKind(apiVersion: string, kind: string): KindClass {
  const { group, version } = splitApiVersion(apiVersion);
  if (group === 'gateway.networking.k8s.io' || group === 'networking.x-k8s.io') return { known: 'gateway-api' };
  const kinds = kindsByGroup.get(group);
  if (kinds === undefined) return { known: 'foreign' };
  if (!kinds.includes(kind)) return { known: 'wrong-kind', group, kinds };
  const present = previewNames.get(kind) ?? kind;
  const carried = carriedKinds.find((candidate) => candidate === present);
  if (carried !== undefined && !carriedVersions.some((known) => known === version)) {
    return { known: 'wrong-version', kind: present, group };
  }
  const legacy = version === 'v1' || version === 'v2';
  const role = carried ?? protectingKinds.find((candidate) => candidate === present) ?? 'unenforced';
  return { known: 'resource', role, kind: present, group, legacy };
}

/** The apiVersion that was most likely meant when a kind of ours stands in a group that nearly is ours; else null. */
export function nearestApiVersion(apiVersion: string, kind: string): string | null {
  const { group, version } = splitApiVersion(apiVersion);
  const near = group === 'ambassador' ? 'getambassador.io' : nearest(group, kindsByGroup.keys());
  return near !== null && kindsByGroup.get(near)?.includes(kind) === true ? `${near}/${version}` : null;
}

/** Whether mistakes in such an object are ours to report. */
export function isOwnGroup(apiVersion: string): boolean {
  return kindsByGroup.has(splitApiVersion(apiVersion).group);
}

export function splitApiVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  return { group: slash === -1 ? '' : apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}
