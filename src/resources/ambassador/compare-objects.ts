/** Whether objects of several clusters are the same resource, and say the same. */
import { classifyKind, mayProtect } from '../resource-kinds.ts';
import { matchesId } from './ambassador-id.ts';
import { normalizeResources } from './normalize.ts';
import type { AmbassadorOptions, HostResource, KubernetesObject } from './types.ts';

/** What a resource competes in by its name; null: no resource of this installation. */
export function scopeOf(object: KubernetesObject, { ambassadorId }: AmbassadorOptions): string | null {
  const found = classifyKind(object.apiVersion, object.kind);
  if (found.known !== 'resource' && found.known !== 'wrong-version') return null;
  return matchesId(object, ambassadorId) === 'theirs' ? null : `${found.group}/${found.kind}`;
}

/** Whether it may protect routes. So may the Module, whose keys (`ip_deny` …) count whichever of several has them. */
export function isProtecting({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): boolean {
  const found = classifyKind(apiVersion, kind);
  return found.known === 'resource' && (mayProtect(found.role) || found.kind === 'Module');
}

/** How little a version of a Host lets through, for versions that differ: the higher, the less. Others have 0. */
export function strictnessOf(object: KubernetesObject, options: AmbassadorOptions): number {
  const host = soundHost(object, options);
  if (host === null) return 0;
  return host.spec.requiresClientCertificate ? 4 : INSECURE_STRICTNESS[host.spec.insecureAction];
}

/** Two Hosts of one name and different hostnames: without its Host a hostname would be served over any transport. */
export function isOfOtherHostname(a: KubernetesObject, b: KubernetesObject, options: AmbassadorOptions): boolean {
  const [one, other] = [soundHost(a, options), soundHost(b, options)];
  return one !== null && other !== null && one.spec.hostname.toLowerCase() !== other.spec.hostname.toLowerCase();
}

/** null: no Host, or one with something wrong in it. */
function soundHost(object: KubernetesObject, options: AmbassadorOptions): HostResource | null {
  const found = classifyKind(object.apiVersion, object.kind);
  if (found.known !== 'resource' || found.kind !== 'Host') return null;
  const [host] = normalizeResources([object], options, () => undefined).hosts;
  return host === undefined || host.invalid.length > 0 ? null : host;
}

const INSECURE_STRICTNESS = { Route: 1, Redirect: 2, Reject: 3 } as const;

/** Whether two objects of one name mean the same; Mappings in whatever version each is written. */
export function isSameObject(a: KubernetesObject, b: KubernetesObject, options: AmbassadorOptions): boolean {
  // Most often they were written from one text.
  return plainText(a) === plainText(b) || meaningOf(a, options) === meaningOf(b, options);
}

/** What of an object can mean something, as it is written. */
const plainTexts = new WeakMap<KubernetesObject, string>();

function plainText(object: KubernetesObject): string {
  let text = plainTexts.get(object);
  if (text === undefined) {
    text = stableText({ version: object.apiVersion, ...common(object), spec: object.spec });
    plainTexts.set(object, text);
  }
  return text;
}

function meaningOf(object: KubernetesObject, options: AmbassadorOptions): string {
  const [mapping] = normalizeResources([object], options, () => undefined).mappings;
  const content =
    mapping === undefined
      ? { version: object.apiVersion, spec: object.spec }
      : { spec: mapping.spec, invalid: mapping.invalid };
  return stableText({ ...common(object), ...content });
}

function common({ metadata: { labels, annotations } }: KubernetesObject): object {
  const ours = Object.entries(annotations).filter(([name]) => name.startsWith('getambassador.io/'));
  return { labels, annotations: Object.fromEntries(ours) };
}

/** JSON with sorted keys. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
