/** Kubernetes services as configurations of ours name them: `name[.namespace][:port]`. */
import type { ServiceRef } from './route-model.ts';

const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const SERVICE = new RegExp(`^(${LABEL})(?:\\.(${LABEL})(?:\\.svc(?:\\.cluster\\.local)?)?)?(?::([0-9]{1,5}))?$`);
const DEFAULT_NAMESPACE = 'default';

/** null: not a service name. Used for the keys of a cluster's `services` as well. */
export function serviceParts(text: string): { name: string; namespace: string; port: number | null } | null {
  const found = SERVICE.exec(text.toLowerCase());
  const name = found?.[1];
  if (name === undefined || (name === 'localhost' && found?.[2] === undefined)) return null;
  const port = found?.[3] === undefined ? null : Number(found[3]);
  if (port !== null && (port === 0 || port > 65_535)) return null;
  return { name, namespace: found?.[2] ?? DEFAULT_NAMESPACE, port };
}

/** null: not a service name. `scheme` also gives the default port. */
export function serviceOfName(text: string, scheme: 'http' | 'https', clusters: readonly string[]): ServiceRef | null {
  const parts = serviceParts(text);
  if (parts === null) return null;
  const { name, namespace, port } = parts;
  return {
    text,
    scheme,
    host: `${name}.${namespace}`,
    service: { name, namespace },
    port: port ?? (scheme === 'https' ? 443 : 80),
    clusters,
  };
}
