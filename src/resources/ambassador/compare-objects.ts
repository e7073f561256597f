/** Whether objects of several clusters are the same resource, and say the same. */
import { classifyKind, mayProtect } from '../resource-kinds.ts';
import { matchesId } from './ambassador-id.ts';
import { normalizeResources } from './normalize.ts';
import type { AmbassadorOptions, KubernetesObject } from './types.ts';

/** What a resource competes in by its name; null: no resource of this installation. */
export function scopeOf(object: KubernetesObject, { ambassadorId }: AmbassadorOptions): string | null {
  const found = classifyKind(object.apiVersion, object.kind);
  if (found.known !== 'resource' && found.known !== 'wrong-version') return null;
  return matchesId(object, ambassadorId) === 'theirs' ? null : `${found.group}/${found.kind}`;
}

/** Whether it may protect routes. */
export function isProtecting({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): boolean {
  const found = classifyKind(apiVersion, kind);
  return found.known === 'resource' && mayProtect(found.role);
}

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
