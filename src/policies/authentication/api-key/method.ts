/**
 * Request-time half of `api-key`. One answer for every key that is not good, whatever is wrong with
 * it; what cannot be a key by grammar or checksum never reaches the store.
 */
import { apiKeyEnvironment } from '../../../keys/api-key.ts';
import type { SecretKeyRecord } from '../../../keys/secret-set.ts';
import type { Consumer, PolicyRuntime } from '../../contract.ts';
import { denied, insufficientScope, keysUnavailable, missing, multiple, tooLarge } from '../denials.ts';
import type {
  AuthMethod,
  AuthMethodHandler,
  AuthRequest,
  AuthVerdict,
  HeaderEdit,
  ShownCredential,
} from '../method.ts';
import type { CompiledApiKey, CompiledIssuedKey, CompiledSecretSet } from './compiled.ts';
import { decodeApiKey } from './decode.ts';
import { keyRecordsOf, type IssuedKey, type KeyRecords } from './key-records.ts';
import { presentedKey, shownKeys, type KeyPlaces, type PresentedKey } from './presented-key.ts';

export const apiKeyMethod: AuthMethodHandler = {
  name: 'api-key',
  create(json, runtime) {
    const config = decodeApiKey(json);
    const records = keyRecordsOf(runtime);
    return config.kind === 'issued'
      ? new ApiKeyMethod(config, runtime, issuedJudge(config, records, runtime))
      : new ApiKeyMethod(config, runtime, secretSetJudge(config, records));
  },
};

/** Who has the key; null: nobody whom this route accepts. A promise only when the store must be asked. */
type Judge = (key: string, request: AuthRequest) => Consumer | null | Promise<Consumer | null>;
type OneKey = Extract<PresentedKey, { kind: 'one' }>;

const NO_EDITS: readonly HeaderEdit[] = [];

class ApiKeyMethod implements AuthMethod {
  readonly #judge: Judge;
  readonly #places: KeyPlaces;
  readonly #withoutHeader: readonly HeaderEdit[];
  readonly #forward: boolean;
  readonly #challenge: string;
  readonly #records: KeyRecords;

  constructor(config: CompiledApiKey, runtime: PolicyRuntime, judge: Judge) {
    const isIssued = config.kind === 'issued';
    this.#judge = judge;
    this.#places = { header: config.header, scheme: isIssued, query: isIssued ? (config.query ?? null) : null };
    this.#withoutHeader = [{ name: config.header, value: null, credential: true }];
    this.#forward = config.forward === true;
    this.#challenge = `ApiKey realm="${config.realm}"`;
    this.#records = keyRecordsOf(runtime);
  }

  check(request: AuthRequest): AuthVerdict | Promise<AuthVerdict> {
    const presented = presentedKey(request.facts, this.#places, this.#withoutHeader);
    if (presented.kind === 'none') return missing(this.#challenge);
    if (presented.kind === 'several') return multiple();
    if (presented.kind === 'too-large') return tooLarge();
    const consumer = this.#judge(presented.key, request);
    if (!(consumer instanceof Promise)) return this.#verdict(consumer, presented, request);
    return consumer.then(
      (known) => this.#verdict(known, presented, request),
      (error: unknown) => {
        this.#records.reportOutage(error);
        throw keysUnavailable(error);
      },
    );
  }

  shown(facts: Pick<AuthRequest['facts'], 'headers' | 'query'>): readonly ShownCredential[] {
    return shownKeys(facts, this.#places, this.#withoutHeader);
  }

  #verdict(consumer: Consumer | null, presented: OneKey, { scopes }: AuthRequest): AuthVerdict {
    if (consumer === null)
      return denied(401, 'api-key-invalid', {
        challenge: this.#challenge,
        detail: 'The API key is not accepted.',
      });
    if (!scopes.every((scope) => consumer.scopes.includes(scope))) return insufficientScope(this.#challenge, scopes);
    if (this.#forward) return { kind: 'allow', consumer, edits: NO_EDITS };
    const { edits, query } = presented;
    return { kind: 'allow', consumer, edits, ...(query !== undefined && { query }) };
  }
}

function issuedJudge({ environments }: CompiledIssuedKey, records: KeyRecords, { now }: PolicyRuntime): Judge {
  const judge = (key: IssuedKey | null): Consumer | null => {
    if (key === null || key.record.revokedAt !== null || now() >= key.expiresAtMs) return null;
    return environments.includes(key.record.env) ? key.consumer : null;
  };
  return (key, { waitUntil }) => {
    const environment = apiKeyEnvironment(key);
    if (environment === null || !environments.includes(environment)) return null;
    const found = records.issued(key, waitUntil);
    return found instanceof Promise ? found.then(({ record }) => judge(record)) : judge(found.record);
  };
}

function secretSetJudge({ sets }: CompiledSecretSet, records: KeyRecords): Judge {
  const judge = (record: SecretKeyRecord | null): Consumer | null => {
    const place = record?.places.find(({ set }) => sets.includes(set));
    if (place === undefined) return null;
    return { id: `${place.set}/${place.entry}`, kind: 'api-key', issuer: null, plan: null, scopes: [], claims: {} };
  };
  return (key, { waitUntil }) => {
    if (key === '') return null;
    const found = records.inSecrets(key, waitUntil);
    return found instanceof Promise ? found.then(({ record }) => judge(record)) : judge(found.record);
  };
}
