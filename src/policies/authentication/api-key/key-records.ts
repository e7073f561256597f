/** Both kinds of key as one question: who has this key? Shared by all routes of a process. */
import { apiKeyName, importPepper, secretKeyName } from '../../../keys/key-names.ts';
import { decodeApiKeyRecord, type ApiKeyRecord } from '../../../keys/api-key-record.ts';
import { scopesOf } from '../../../keys/record-fields.ts';
import { decodeSecretKeyRecord, type SecretKeyRecord } from '../../../keys/secret-set.ts';
import type { Consumer, PolicyRuntime } from '../../contract.ts';
import { readKey } from '../keys-read.ts';
import { logSparsely } from '../../sparse-log.ts';
import { RecordCache, type Found } from '../record-cache.ts';

/** Secret under which names of Secrets' keys are made. */
export const PEPPER_SECRET = 'KEY_PEPPER';

/** `expiresAtMs`: Infinity for never. */
export type IssuedKey = { readonly record: ApiKeyRecord; readonly consumer: Consumer; readonly expiresAtMs: number };

type WaitUntil = (work: Promise<unknown>) => void;

export class KeyRecords {
  readonly #runtime: Pick<PolicyRuntime, 'log' | 'now'>;
  readonly #secret: PolicyRuntime['secret'];
  readonly #issued: RecordCache<IssuedKey>;
  readonly #inSecrets: RecordCache<SecretKeyRecord>;
  #pepper: { readonly text: string; readonly key: Promise<CryptoKey> } | null = null;

  constructor(runtime: Pick<PolicyRuntime, 'keys' | 'secret' | 'now' | 'log'>) {
    const { keys, now, secret } = runtime;
    this.#runtime = runtime;
    this.#secret = secret;
    const shared = {
      get: (name: string) => readKey(keys, name),
      now,
      // A name is a digest: it tells an operator which value to look at, and nobody the key.
      onUnreadable: (name: string) => logSparsely(runtime, 'key-record-unreadable', { reason: name }),
      onOutage: (error: unknown) => this.reportOutage(error),
    };
    this.#issued = new RecordCache({ ...shared, decode: issuedKey });
    this.#inSecrets = new RecordCache({ ...shared, decode: decodeSecretKeyRecord });
  }

  reportOutage(error: unknown): void {
    logSparsely(this.#runtime, 'keys-unavailable', { reason: String(error) });
  }

  issued(key: string, waitUntil: WaitUntil): Found<IssuedKey> | Promise<Found<IssuedKey>> {
    return this.#issued.lookup(key, () => apiKeyName(key), waitUntil);
  }

  inSecrets(key: string, waitUntil: WaitUntil): Found<SecretKeyRecord> | Promise<Found<SecretKeyRecord>> {
    return this.#inSecrets.lookup(key, () => this.#secretName(key), waitUntil);
  }

  async #secretName(key: string): Promise<string> {
    const text = this.#secret(PEPPER_SECRET);
    if (text === null) throw new Error(`the secret ${PEPPER_SECRET} is not set`);
    if (this.#pepper?.text !== text) this.#pepper = { text, key: importPepper(text) };
    return secretKeyName(key, await this.#pepper.key);
  }
}

function issuedKey(text: string): IssuedKey | null {
  const record = decodeApiKeyRecord(text);
  if (record === null) return null;
  const { consumer: id, plan, metadata, expiresAt } = record;
  return {
    record,
    consumer: { id, kind: 'api-key', issuer: null, plan, scopes: scopesOf(metadata), claims: metadata },
    expiresAtMs: expiresAt === null ? Infinity : Date.parse(expiresAt),
  };
}

/** One per process: the port is made once, while routes come and go with every program. */
const shared = new WeakMap<PolicyRuntime['keys'], KeyRecords>();

export function keyRecordsOf(runtime: PolicyRuntime): KeyRecords {
  const known = shared.get(runtime.keys);
  if (known !== undefined) return known;
  const records = new KeyRecords(runtime);
  shared.set(runtime.keys, records);
  return records;
}
