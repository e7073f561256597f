/** Keys of Secrets for commands that publish: where the Secrets are read, and where their keys are written. */
import { resolve } from 'node:path';
import type { BuildInput } from '../compile/build-program.ts';
import { localStateFolder } from '../dev/state-folder.ts';
import {
  SecretKeys,
  withSecrets,
  type KeysPlace,
  type SecretAnswer,
  type SecretReader,
} from '../follow/secret-keys.ts';
import type { SecretDocument } from '../resources/secret-document.ts';
import { readPepper } from '../stores/pepper-file.ts';
import type { StoreTarget } from '../stores/store-target.ts';
import type { Terminal } from './command.ts';
import { openKeys } from './open-store.ts';
import type { LoadedInput } from './sources.ts';

const PEPPER_VARIABLE = 'PORTOLAN_SECRET_KEY_PEPPER';

type Surroundings = Pick<Terminal, 'cwd' | 'env'>;

/** Keys of the Secrets among manifests. */
export function keysOfDocuments(
  secrets: () => readonly SecretDocument[],
  target: StoreTarget,
  terminal: Surroundings,
  cluster: string | null = null,
): SecretKeys {
  const reader = documentReader(secrets, cluster);
  return secretKeys({ reader, clusters: [cluster] }, target, terminal);
}

export function secretKeys(
  from: { readonly reader: SecretReader; readonly clusters: readonly (string | null)[] },
  target: StoreTarget,
  terminal: Surroundings,
): SecretKeys {
  return new SecretKeys({ ...from, place: keysPlace(target, terminal), nowMs: () => Date.now() });
}

function keysPlace(target: StoreTarget, terminal: Surroundings): KeysPlace {
  const { env, cwd } = terminal;
  const given = env[PEPPER_VARIABLE] ?? '';
  const open = () => openKeys(target, terminal);
  if (target.kind === 'cloudflare') {
    // The Worker's secret cannot be read back: whoever publishes must be told it.
    if (given === '') return { unwritable: 'no-pepper' };
    if ((env['PORTOLAN_KEYS_NAMESPACE_ID'] ?? '') === '') return { unwritable: 'no-namespace' };
    return { open, pepper: async () => given };
  }
  const pepper = async (): Promise<string> => {
    if (given !== '') return given;
    if (target.kind === 'folder') return readPepper(resolve(cwd, target.path));
    return readPepper(localStateFolder(cwd));
  };
  return { open, pepper };
}

/** Of several Secrets of one name the first counts, as of other objects. */
export function documentReader(secrets: () => readonly SecretDocument[], cluster: string | null): SecretReader {
  return {
    read: async (places) => {
      const given = secrets();
      return places.map((place): SecretAnswer => {
        if (place.cluster !== cluster) return 'missing';
        const found = given.find(({ namespace, name }) => namespace === place.namespace && name === place.name);
        if (found === undefined) return 'missing';
        return found.data === null ? 'unread' : { data: found.data };
      });
    },
  };
}

/** For commands that publish nothing: Secrets that are there are judged, others may be elsewhere. */
export async function withDocuments({ input, secrets }: Pick<LoadedInput, 'input' | 'secrets'>): Promise<BuildInput> {
  const given = documentReader(() => secrets, null);
  const keys = new SecretKeys({
    place: { open: publishesNothing, pepper: publishesNothing },
    reader: {
      read: async (places) => (await given.read(places)).map((answer) => (answer === 'missing' ? 'unread' : answer)),
    },
    clusters: [null],
    nowMs: () => Date.now(),
  });
  const looked = await keys.look(input, {});
  const states = Object.fromEntries(Object.entries(looked.secrets.states).filter(([, state]) => state !== 'unread'));
  return withSecrets(input, { ...looked, secrets: { states, others: 'unknown' } });
}

async function publishesNothing(): Promise<never> {
  throw new Error('nothing is published here');
}
