/** Redirects: Location is built as text from checked parts, never by a URL parser that would normalise it again. */
import type { PathSettings } from '../../model/route-model.ts';
import type { RequestFacts } from '../../policies/contract.ts';
import type { CompiledRedirect } from '../../program/route-program.ts';
import { encodeForHeader } from '../percent-encoding.ts';
import { rewriteTarget } from './rewrite.ts';

type RedirectFacts = Pick<RequestFacts, 'scheme' | 'authority' | 'path' | 'query'>;

/** Throws GatewayError 400 `rewrite-unsafe`. */
export function redirectLocation(action: CompiledRedirect, facts: RedirectFacts, settings: PathSettings): string {
  const scheme = action.scheme ?? facts.scheme;
  const authority = action.authority ?? authorityFor(scheme, facts, action.port);
  const { path, query } = rewriteTarget(action.path, facts, settings);
  return encodeForHeader(`${scheme}://${authority}${path}${query === null ? '' : `?${query}`}`);
}

/** Where an insecure request of a `redirect` domain is sent: the same URL over https. */
export function secureLocation(facts: RedirectFacts): string {
  const target = facts.query === null ? facts.path : `${facts.path}?${facts.query}`;
  return encodeForHeader(`https://${authorityFor('https', facts)}${target}`);
}

/** The request's own authority; a default port is dropped when the scheme it belongs to is (Envoy's rule). */
function authorityFor(scheme: 'http' | 'https', facts: RedirectFacts, port?: number): string {
  if (port !== undefined) {
    const host = facts.authority.replace(/:\d+$/, '');
    return port === (scheme === 'http' ? 80 : 443) ? host : `${host}:${port}`;
  }
  if (scheme === facts.scheme) return facts.authority;
  return facts.authority.replace(facts.scheme === 'http' ? /:80$/ : /:443$/, '');
}
