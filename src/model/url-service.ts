/** URLs that configurations name (key sets, identity providers, external authorisation) as services. */
import type { ServiceRef } from './route-model.ts';

export type UrlService = {
  readonly service: ServiceRef;
  /** Path and query, beginning with `/`. */
  readonly path: string;
};

/** null: no absolute http or https URL, or one with user, password or fragment. */
export function serviceOfUrl(text: string): UrlService | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') return null;
  if (url.username !== '' || url.password !== '' || url.hash !== '') return null;
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { service: { text, scheme, host, service: null, port, clusters: [] }, path: url.pathname + url.search };
}
