/**
 * Services that are part of Ambassador Edge Stack itself: where it runs its Filters, and where it counts
 * its limits. This gateway stands in their place.
 */
import type { ExternalTarget } from './external-options.ts';

const OWN_PORT = 8500;

/**
 * `ownName`: what the installation calls the resource and its service. The name alone is not enough:
 * somebody may have pointed it at a service of his own.
 */
export function isOwnService(name: string, { service: { host, port } }: ExternalTarget, ownName: string): boolean {
  if (host.split('.', 1)[0]?.startsWith(ownName) === true) return true;
  const isLoopback = host === 'localhost' || host === '::1' || /^127(?:\.\d+){3}$/.test(host);
  return port === OWN_PORT && (isLoopback || name.startsWith(ownName));
}
