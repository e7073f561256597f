/** `tls` of clusters and of their services: how the gateway and an upstream prove themselves to each other. */
import type { UpstreamTls } from '../model/route-model.ts';

const DNS_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

export function isCleartext(url: string): boolean {
  return /^http:/i.test(url);
}

/** Why a text cannot be the name in a certificate; null when it can. */
export function serverNameProblem(name: string): string | null {
  if (name.includes('*')) return 'it names one server, so a wildcard has no place in it';
  return DNS_NAME.test(name) ? null : 'it is not a DNS name';
}

/** Why a text cannot be the path of a file; null when it can. */
export function filePathProblem(path: string): string | null {
  if (path === '') return 'it is empty';
  // oxlint-disable-next-line no-control-regex -- no file of a deployment has them in its name, and NUL ends it
  if (/[\u0000-\u001f\u007f]/.test(path) || !path.isWellFormed()) return 'it holds characters that no path has';
  return path.startsWith('-----BEGIN') ? 'it is the content of a file; name the file instead' : null;
}

/** null: it asks for nothing beyond what https does anyway. */
export function tlsModel(tls: UpstreamTls | undefined): UpstreamTls | null {
  if (tls === undefined || Object.keys(tls).length === 0) return null;
  return tls.serverName === undefined ? tls : { ...tls, serverName: tls.serverName.toLowerCase() };
}
