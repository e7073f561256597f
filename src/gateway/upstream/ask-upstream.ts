/** A request of the gateway's own to an upstream that a policy names: key sets, external authorisation. */
import type { PolicyTarget } from '../../policies/contract.ts';
import { RELAY_HEADER, type Backends } from './forward.ts';

/** Redirects are not followed: where they lead nobody wrote down. Throws when there is no way to the upstream. */
export async function askUpstream(
  backends: Backends,
  { upstream, origin, via }: PolicyTarget,
  path: string,
  init: RequestInit,
): Promise<Response> {
  const way = backends.fetcher(upstream, via);
  if (way === null) throw new Error(`This gateway process has no binding for ${origin} yet.`);
  const headers = new Headers(init.headers);
  if (way.relayId !== undefined) headers.set(RELAY_HEADER, way.relayId);
  return way.fetcher.fetch(`${origin}${path}`, { ...init, headers, redirect: 'manual' });
}
