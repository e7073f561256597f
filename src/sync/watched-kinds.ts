/** Which kinds of a cluster are read, and how its API server serves them. */
import { isRecord } from '../resources/record.ts';
import { kindsByGroup } from '../resources/resource-kinds.ts';
import { ApiError, type KubernetesApi } from './kubernetes-api.ts';
import type { ListWatch } from './reflector.ts';

export type ServedKind = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Name in paths, for example `mappings`. */
  readonly plural: string;
  /** Objects of our own groups get a status; the others only carry annotations. */
  readonly isOwn: boolean;
};

/** In order of preference: the first that is served is read. */
const VERSIONS = ['v3alpha1', 'v1alpha1', 'v2', 'v1'];

/** They may hold resources in an annotation, or are of the class `ambassador`. Served by every cluster. */
const CARRIERS: readonly ServedKind[] = [
  { group: '', version: 'v1', kind: 'Service', plural: 'services', isOwn: false },
  { group: 'networking.k8s.io', version: 'v1', kind: 'Ingress', plural: 'ingresses', isOwn: false },
  { group: 'networking.k8s.io', version: 'v1', kind: 'IngressClass', plural: 'ingressclasses', isOwn: false },
];

/** What is there now. A group or kind without a definition is no error: it may come later. */
export async function discoverKinds(api: KubernetesApi, signal: AbortSignal): Promise<readonly ServedKind[]> {
  const groups = await Promise.all([...kindsByGroup.keys()].map((group) => discoverGroup(api, group, signal)));
  return [...groups.flat(), ...CARRIERS];
}

async function discoverGroup(api: KubernetesApi, group: string, signal: AbortSignal): Promise<readonly ServedKind[]> {
  const found = await getOrNull(api, `/apis/${group}`, signal);
  const served = new Set(listIn(found, 'versions').map((version) => version['version']));
  const kinds = new Map<string, ServedKind>();
  for (const version of VERSIONS.filter((each) => served.has(each))) {
    const resources = listIn(await getOrNull(api, `/apis/${group}/${version}`, signal), 'resources');
    for (const { name, kind, verbs } of resources) {
      const isRead = typeof kind === 'string' && kindsByGroup.get(group)?.includes(kind) === true;
      if (!isRead || typeof name !== 'string' || name.includes('/') || kinds.has(kind)) continue;
      if (Array.isArray(verbs) && verbs.includes('list') && verbs.includes('watch'))
        kinds.set(kind, { group, version, kind, plural: name, isOwn: true });
    }
  }
  return [...kinds.values()];
}

export function apiVersionOf({ group, version }: ServedKind): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Of the objects in all namespaces, or of one object. */
export function pathOf(
  served: ServedKind,
  object?: { readonly namespace: string | null; readonly name: string },
): string {
  const base = served.group === '' ? `/api/${served.version}` : `/apis/${served.group}/${served.version}`;
  if (object === undefined) return `${base}/${served.plural}`;
  const place = object.namespace === null ? '' : `/namespaces/${encodeURIComponent(object.namespace)}`;
  return `${base}${place}/${served.plural}/${encodeURIComponent(object.name)}`;
}

const PAGE = 500;
/** The server ends a watch by then; a new one begins where it ended. Seconds. */
const WATCH_SECONDS = 300;

export function listWatch(api: KubernetesApi, served: ServedKind): ListWatch {
  const path = pathOf(served);
  return {
    list: async (signal) => {
      const items: unknown[] = [];
      let next = '';
      for (;;) {
        const query = { limit: String(PAGE), ...(next !== '' && { continue: next }) };
        const page = await api.request({ method: 'GET', path, query }, signal);
        const metadata = isRecord(page) && isRecord(page['metadata']) ? page['metadata'] : {};
        const { resourceVersion } = metadata;
        if (!isRecord(page) || typeof resourceVersion !== 'string')
          throw new Error(`the list of ${served.plural} has no resourceVersion`);
        for (const item of listIn(page, 'items')) items.push(item);
        if (typeof metadata['continue'] !== 'string' || metadata['continue'] === '') return { items, resourceVersion };
        next = metadata['continue'];
      }
    },
    watch: (resourceVersion, signal) => {
      const query = {
        watch: 'true',
        resourceVersion,
        allowWatchBookmarks: 'true',
        timeoutSeconds: String(WATCH_SECONDS),
      };
      return api.stream({ method: 'GET', path, query }, signal);
    },
  };
}

async function getOrNull(api: KubernetesApi, path: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await api.request({ method: 'GET', path }, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

function listIn(value: unknown, name: string): readonly Readonly<Record<string, unknown>>[] {
  const list = isRecord(value) ? value[name] : undefined;
  return Array.isArray(list) ? list.filter(isRecord) : [];
}
