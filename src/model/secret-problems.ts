/** What is wrong with a Secret whose keys are wanted, in the words of findings. */
import { secretSetName, type SecretPlace, type SecretState } from './secret-states.ts';

export type SecretProblem = {
  readonly code: string;
  /** Begins with `the`; no full stop. */
  readonly clause: string;
  readonly hint: string;
};

type BadState = Exclude<SecretState, 'usable' | 'unread'>;

/** null: nothing is; of a Secret that could not be asked for now the keys of before count. */
export function secretProblem(place: SecretPlace, state: SecretState | 'unknown'): SecretProblem | null {
  if (state === 'usable' || state === 'unread' || state === 'unknown') return null;
  return { code: CODES[state], clause: CLAUSES[state](secretSetName(place)), hint: HINTS[state](place) };
}

const CODES: Readonly<Record<BadState, string>> = {
  missing: 'secret-missing',
  empty: 'secret-missing',
  forbidden: 'secret-forbidden',
  'no-pepper': 'secret-keys-unwritable',
  'no-namespace': 'secret-keys-unwritable',
};

const CLAUSES: Readonly<Record<BadState, (set: string) => string>> = {
  missing: (set) => `the Secret ${set} does not exist`,
  empty: (set) => `the Secret ${set} holds no value that can be a key`,
  forbidden: (set) => `the API server does not let \`portolan sync\` read the Secret ${set}`,
  'no-pepper': (set) => `the keys of the Secret ${set} cannot be hashed: there is no pepper`,
  'no-namespace': (set) => `the keys of the Secret ${set} cannot be written: no namespace for keys is named`,
};

const HINTS: Readonly<Record<BadState, (place: SecretPlace) => string>> = {
  missing: ({ namespace, name }) =>
    `Create it in the namespace of the Filter (\`kubectl -n ${namespace} create secret generic ${name} --from-literal=NAME=KEY\`), or, when publishing files, give its manifest with -f too.`,
  empty: () => 'Every value of its data is a key: 1 to 1024 visible ASCII characters, without a line break at the end.',
  forbidden: ({ namespace, name }) =>
    `Grant a Role in the namespace ${namespace} with apiGroups [""], resources ["secrets"], resourceNames ["${name}"], verbs ["get"]; with the chart: filterSecrets: [{namespace: ${namespace}, names: [${name}]}].`,
  'no-pepper': () =>
    'Choose at least 32 random characters (`openssl rand -hex 32`), give them to the Worker (`wrangler secret put SECRET_KEY_PEPPER`) and to whoever publishes as PORTOLAN_SECRET_KEY_PEPPER.',
  'no-namespace': () => 'Set PORTOLAN_KEYS_NAMESPACE_ID to the id of the namespace that the Worker binds as KEYS.',
};
