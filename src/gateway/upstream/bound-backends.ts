/** Backends over the bindings of a Worker's environment. */
import { bindingName } from '../../program/binding-name.ts';
import type { CompiledUpstream } from '../../program/route-program.ts';
import type { Backends, UpstreamFetcher } from './forward.ts';

/** The development server binds every upstream that appears while it runs behind this one. */
const RELAY_BINDING = 'UPSTREAM_RELAY';

/**
 * `binding`: the service binding of the upstream, else the relay. `vpc`: the named binding. `fetch`:
 * the public network. A name that the environment lacks, or that is no fetcher, is null.
 */
export function boundBackends(env: Readonly<Record<string, unknown>>): Backends {
  // Names of bindings are hashes. Only those that are bound are kept, and an environment does not grow.
  const bound = new Map<string, { readonly fetcher: UpstreamFetcher }>();
  const publicNetwork: UpstreamFetcher = { fetch: (input, init) => fetch(input, init) };
  return {
    fetcher: (upstreamId, via) => {
      if (via.kind === 'fetch') return { fetcher: publicNetwork };
      const known = bound.get(upstreamId);
      if (known !== undefined) return known;
      const fetcher = env[via.kind === 'vpc' ? via.binding : bindingName(upstreamId)];
      if (isFetcher(fetcher)) {
        bound.set(upstreamId, { fetcher });
        return { fetcher };
      }
      const relay = env[RELAY_BINDING];
      return isFetcher(relay) ? { fetcher: relay, relayId: upstreamId } : null;
    },
  };
}

/**
 * For SnapshotCache: which upstreams want a service binding and have none. `accepted` is the variable
 * UNBOUND_UPSTREAMS, a JSON list of ids that are left unbound on purpose. Throws when it is no such list.
 */
export function unboundUpstreams(
  backends: Backends,
  accepted: string | undefined,
): (upstreams: readonly CompiledUpstream[]) => readonly string[] {
  const known = new Set(parseIds(accepted));
  return (upstreams) => {
    const missing: string[] = [];
    for (const { id, via } of upstreams) {
      if (via.kind !== 'binding' || known.has(id)) continue;
      // Names of bindings are hashes, which would cost each of thousands of new versions the same again.
      if (backends.fetcher(id, via) === null) missing.push(id);
      else known.add(id);
    }
    return missing;
  };
}

function parseIds(text: string | undefined): readonly string[] {
  if (text === undefined || text === '') return [];
  const ids: unknown = JSON.parse(text);
  if (Array.isArray(ids) && ids.every((id) => typeof id === 'string')) return ids;
  throw new Error('UNBOUND_UPSTREAMS is not a JSON list of upstream ids.');
}

/** Text variables, namespaces and other bindings share the environment with fetchers. */
export function isFetcher(value: unknown): value is UpstreamFetcher {
  return typeof value === 'object' && value !== null && 'fetch' in value && typeof value.fetch === 'function';
}
