/** Kubernetes Secrets as a build knows them: their names, and whether they are of use. Never what they hold. */

/** `cluster` null: the one and unnamed. */
export type SecretPlace = { readonly cluster: string | null; readonly namespace: string; readonly name: string };

/**
 * `usable`: at least one value is a key. `empty`: none is. `forbidden`: the API server does not show it.
 * `unread`: it could not be asked for now; keys of before stay. `no-pepper`, `no-namespace`: its keys
 * cannot be written where they belong.
 */
export const SECRET_STATES = [
  'usable',
  'missing',
  'empty',
  'forbidden',
  'unread',
  'no-pepper',
  'no-namespace',
] as const;
export type SecretState = (typeof SECRET_STATES)[number];

export type KnownSecrets = {
  /** By set name. */
  readonly states: Readonly<Record<string, SecretState>>;
  /** What a Secret is that `states` does not name: `unknown` where nobody looked for it. */
  readonly others: 'missing' | 'unknown';
  /** Clusters of whose Secrets nothing is known now. Default none. */
  readonly silentClusters?: readonly string[];
};

export const NOTHING_KNOWN: KnownSecrets = { states: {}, others: 'unknown' };

/** `namespace/name`, of a cluster with a name `cluster/namespace/name`: Secrets of two clusters are never one. */
export function secretSetName({ cluster, namespace, name }: SecretPlace): string {
  return cluster === null ? `${namespace}/${name}` : `${cluster}/${namespace}/${name}`;
}

/** null: not the name of a set. */
export function secretPlaceOf(set: string): SecretPlace | null {
  const [name, namespace, cluster = null, more] = set.split('/').toReversed();
  return name === undefined || namespace === undefined || more !== undefined ? null : { cluster, namespace, name };
}

export function secretStateOf(known: KnownSecrets, place: SecretPlace): SecretState | 'unknown' {
  const set = secretSetName(place);
  const state = Object.hasOwn(known.states, set) ? known.states[set] : undefined;
  if (state !== undefined) return state;
  const isSilent = place.cluster !== null && known.silentClusters?.includes(place.cluster) === true;
  return isSilent ? 'unknown' : known.others;
}
