/** Compiled keys → source. Sources of one address are one per isolate, across routes and program versions. */
import type { PolicyRuntime } from '../../../contract.ts';
import { inlineKeys, secretKeys } from './fixed-keys.ts';
import type { CompiledKeys, KeySource } from './key-source.ts';
import { RemoteKeys } from './remote-keys.ts';
import { addressName } from './shared-key-set.ts';

/** Far more providers than a gateway has. Beyond it the oldest are no longer shared with new routes; theirs go on. */
const MAX_SHARED = 1_000;

/** By a port that stays the same object as long as the process has its bindings, while runtimes change with the program. */
const registries = new WeakMap<PolicyRuntime['keys'], Map<string, RemoteKeys>>();

export function createKeySource(keys: CompiledKeys, runtime: PolicyRuntime): KeySource {
  switch (keys.kind) {
    case 'inline':
      return inlineKeys(keys, runtime);
    case 'secret':
      return secretKeys(keys, runtime);
    default:
      return remoteSource(keys, runtime);
  }
}

/** The stale bound is the route's own; the set behind it is everybody's. */
function remoteSource(keys: Extract<CompiledKeys, { kind: 'jwks' | 'discovery' }>, runtime: PolicyRuntime): KeySource {
  const { maxStaleMs } = keys;
  const name = addressName(keys);
  const registry = registryOf(runtime);
  const remote = registry.get(name) ?? new RemoteKeys(keys, runtime);
  remote.join(runtime, maxStaleMs);
  registry.set(name, remote);
  const [oldest] = registry.keys();
  if (registry.size > MAX_SHARED && oldest !== undefined) registry.delete(oldest);
  return {
    current: (waitUntil) => remote.current(maxStaleMs, waitUntil),
    refreshed: (unknownKid, waitUntil) => remote.refreshed(unknownKid, maxStaleMs, waitUntil),
  };
}

function registryOf({ keys }: PolicyRuntime): Map<string, RemoteKeys> {
  let registry = registries.get(keys);
  if (registry === undefined) {
    registry = new Map();
    registries.set(keys, registry);
  }
  return registry;
}
