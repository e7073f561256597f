/** Backends over the bindings of a Worker's environment. */
import { bindingName } from '../../program/binding-name.ts';
import type { Backends, UpstreamFetcher } from './forward.ts';

/** The development server binds every upstream that appears while it runs behind this one. */
const RELAY_BINDING = 'UPSTREAM_RELAY';

/**
 * `binding`: the service binding of the upstream, else the relay. `vpc`: the named binding. `fetch`:
 * the public network. A name that the environment lacks, or that is no fetcher, is null.
 */
export function boundBackends(env: Readonly<Record<string, unknown>>): Backends {
  const publicNetwork: UpstreamFetcher = { fetch: (input, init) => fetch(input, init) };
  return {
    fetcher: (upstreamId, via) => {
      if (via.kind === 'fetch') return { fetcher: publicNetwork };
      const bound = env[via.kind === 'vpc' ? via.binding : bindingName(upstreamId)];
      if (isFetcher(bound)) return { fetcher: bound };
      const relay = env[RELAY_BINDING];
      return isFetcher(relay) ? { fetcher: relay, relayId: upstreamId } : null;
    },
  };
}

/** Text variables, namespaces and other bindings share the environment with fetchers. */
function isFetcher(value: unknown): value is UpstreamFetcher {
  return typeof value === 'object' && value !== null && 'fetch' in value && typeof value.fetch === 'function';
}
