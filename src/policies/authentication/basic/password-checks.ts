/**
 * Is this the user's password? Shared by all routes of a process.
 *
 * Every answer costs one read and one derivation, whether or not there is such a user, and is kept for
 * a while under a digest of the credentials. The digest is salted per isolate: what lies in memory
 * cannot be looked up in a table.
 */
import { decodeBasicUser, type BasicUser } from '../../../keys/basic-user.ts';
import { toHex } from '../../../model/bytes.ts';
import { sha256 } from '../../../model/sha256.ts';
import { basicUserName } from '../../../keys/key-names.ts';
import { PBKDF2_ROUNDS, verifyPassword, type PasswordHash } from '../../../keys/password-hash.ts';
import { isGood, scopesOf } from '../../../keys/record-fields.ts';
import type { Consumer, PolicyRuntime } from '../../contract.ts';
import { SingleFlight } from '../../single-flight.ts';
import { BoundedMap } from '../bounded-map.ts';
import { readKey } from '../keys-read.ts';
import { logSparsely } from '../../sparse-log.ts';
import { Pace } from './pace.ts';

/** How long a right password stays right after the user was changed or revoked. */
export const RIGHT_MS = 60_000;
/** How long a wrong one stays wrong. */
export const WRONG_MS = 10_000;
const MOST_RIGHT = 2_048;
const MOST_WRONG = 4_096;

/** Of nobody: checked where there is no user, so that it takes as long. */
const NOBODY: PasswordHash = {
  algorithm: 'pbkdf2-sha256',
  rounds: PBKDF2_ROUNDS,
  salt: 'AAAAAAAAAAAAAAAAAAAAAA==',
  digest: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  prehash: null,
};

export type CheckedPassword =
  /** `expiresAtMs`: Infinity for never. */
  | { readonly kind: 'right'; readonly consumer: Consumer; readonly expiresAtMs: number }
  | { readonly kind: 'wrong' }
  /** Not looked at: too many are waiting. */
  | { readonly kind: 'busy' };

type Kept = { readonly checked: CheckedPassword; readonly untilMs: number; readonly sinceMs: number };
type Given = { readonly user: string; readonly password: string; readonly token: string };

const WRONG: CheckedPassword = { kind: 'wrong' };

export class PasswordChecks {
  readonly #runtime: Pick<PolicyRuntime, 'log' | 'now'>;
  readonly #keys: PolicyRuntime['keys'];
  readonly #now: () => number;
  readonly #pace = new Pace();
  readonly #flights = new SingleFlight<CheckedPassword>();
  readonly #right = new BoundedMap<Kept>(MOST_RIGHT);
  readonly #wrong = new BoundedMap<Kept>(MOST_WRONG);
  #salt = '';

  constructor(runtime: Pick<PolicyRuntime, 'keys' | 'now' | 'log'>) {
    this.#keys = runtime.keys;
    this.#now = runtime.now;
    this.#runtime = runtime;
  }

  reportOutage(error: unknown): void {
    logSparsely(this.#runtime, 'keys-unavailable', { reason: String(error) });
  }

  /** Rejects when KEYS cannot be asked and nothing recent is known. */
  async check(given: Given): Promise<CheckedPassword> {
    const digest = await this.#digestOf(given.token);
    const kept = this.#right.get(digest) ?? this.#wrong.get(digest);
    const now = this.#now();
    if (kept !== undefined && now < kept.untilMs && now >= kept.sinceMs) {
      const { checked } = kept;
      return checked.kind === 'right' && now >= checked.expiresAtMs ? WRONG : checked;
    }
    return this.#flights.join(digest, () => this.#checkNow(given, digest));
  }

  async #checkNow({ user, password }: Given, digest: string): Promise<CheckedPassword> {
    const waitMs = this.#pace.admit(this.#now());
    if (waitMs === null) return { kind: 'busy' };
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const sinceMs = this.#now();
    const record = await this.#userNamed(user);
    const matches = await verifyPassword(password, record?.password ?? NOBODY);
    const good = record !== null && matches && isGood(record, sinceMs) ? record : null;
    const checked = good === null ? WRONG : rightOf(good);
    const isRight = checked.kind === 'right';
    (isRight ? this.#right : this.#wrong).set(digest, {
      checked,
      sinceMs,
      untilMs: sinceMs + (isRight ? RIGHT_MS : WRONG_MS),
    });
    (isRight ? this.#wrong : this.#right).delete(digest);
    return checked;
  }

  async #userNamed(user: string): Promise<BasicUser | null> {
    const name = await basicUserName(user);
    const text = await readKey(this.#keys, name);
    if (text === null) return null;
    const record = decodeBasicUser(text);
    // A value that was put under another user's name proves nothing about this one.
    if (record !== null && record.user === user) return record;
    logSparsely(this.#runtime, 'key-record-unreadable', { reason: name });
    return null;
  }

  #digestOf(token: string): Promise<string> {
    if (this.#salt === '') this.#salt = toHex(crypto.getRandomValues(new Uint8Array(16)));
    return sha256(this.#salt + token);
  }
}

function rightOf({ consumer: id, plan, metadata, expiresAt }: BasicUser): CheckedPassword {
  return {
    kind: 'right',
    consumer: { id, kind: 'basic', issuer: null, plan, scopes: scopesOf(metadata), claims: metadata },
    expiresAtMs: expiresAt === null ? Infinity : Date.parse(expiresAt),
  };
}

/** One per process: the port is made once, while routes come and go with every program. */
const shared = new WeakMap<PolicyRuntime['keys'], PasswordChecks>();

export function passwordChecksOf(runtime: PolicyRuntime): PasswordChecks {
  const known = shared.get(runtime.keys);
  if (known !== undefined) return known;
  const checks = new PasswordChecks(runtime);
  shared.set(runtime.keys, checks);
  return checks;
}
