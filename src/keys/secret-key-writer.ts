/**
 * The records of Secrets' keys in the namespace KEYS, made equal to what the Secrets hold: what is new is
 * added before a program that needs it is live, what left a Secret is taken back afterwards. A record is
 * overwritten and not deleted, because where a deletion has not arrived the key would still be good.
 *
 * Several processes may write: each touches the places of its own Secrets alone. Two that change one
 * record at the same moment may undo each other; the next reading of the namespace sets it right.
 */
import { KEY_NAME_PREFIXES } from './key-names.ts';
import { readMany, type KeyStore } from './key-store.ts';
import {
  byPlace,
  decodeSecretKeyRecord,
  encodeSecretKeyRecord,
  recordsOfSecrets,
  type SecretKeyPlace,
  type SecretObject,
} from './secret-set.ts';

/**
 * By set: what the Secret holds; `gone`: nothing, whatever KEYS says; `unknown`: as it was. A set that is
 * not here is none that any route asks for.
 */
export type WantedSets = ReadonlyMap<string, SecretObject | 'gone' | 'unknown'>;

export type SecretKeyWriterOptions = {
  readonly store: KeyStore;
  readonly pepper: CryptoKey;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
};

/** The namespace is listed this often at most: what is written in between is known. */
export const REREAD_MS = 300_000;
/** A record without places says nothing any more this long after it was written. */
export const KEPT_EMPTY_MS = 30 * 86_400_000;

type Places = readonly SecretKeyPlace[];

export class SecretKeyWriter {
  readonly #options: SecretKeyWriterOptions;
  #known: Map<string, Places> | null = null;
  #readAtMs = 0;

  constructor(options: SecretKeyWriterOptions) {
    this.#options = options;
  }

  /** Another process may have written meanwhile. */
  forget(): void {
    this.#known = null;
  }

  /** Adds what is missing. Returns how many records were written. Throws what the store threw. */
  async add(wanted: WantedSets): Promise<number> {
    const places = await this.#placesOf(wanted);
    const known = await this.#read();
    const changed = new Map<string, Places>();
    for (const [name, list] of places) {
      const before = known.get(name) ?? [];
      const missing = list.filter((place) => !includes(before, place));
      if (missing.length > 0) changed.set(name, [...before, ...missing]);
    }
    return this.#write(changed);
  }

  /**
   * Takes back what the Secrets do not hold any more.
   *
   * @param retires also whether places of sets that are not wanted go
   */
  async takeBack(wanted: WantedSets, retires: (set: string) => boolean): Promise<number> {
    const places = await this.#placesOf(wanted);
    const changed = new Map<string, Places>();
    for (const [name, before] of await this.#read()) {
      const held = places.get(name) ?? [];
      const kept = before.filter((place) => {
        const state = wanted.get(place.set);
        if (state === undefined) return !retires(place.set);
        return state === 'unknown' || includes(held, place);
      });
      if (kept.length < before.length) changed.set(name, kept);
    }
    return this.#write(changed);
  }

  async #placesOf(wanted: WantedSets): Promise<ReadonlyMap<string, Places>> {
    const secrets = [...wanted.values()].filter((secret) => typeof secret === 'object');
    const { records } = await recordsOfSecrets(secrets, this.#options.pepper);
    return new Map([...records].map(([name, record]) => [name, record.places]));
  }

  async #read(): Promise<Map<string, Places>> {
    const { store, nowMs } = this.#options;
    if (this.#known !== null && nowMs() - this.#readAtMs < REREAD_MS) return this.#known;
    const listed = await store.list(KEY_NAME_PREFIXES.secretKey);
    const texts = await readMany(
      store,
      listed.map(({ key }) => key),
    );
    const known = new Map<string, Places>();
    for (const [name, text] of texts) {
      const record = decodeSecretKeyRecord(text);
      // One that this version does not understand accepts no key; it is written anew where a key needs it.
      if (record !== null) known.set(name, record.places);
    }
    const old = listed.filter(({ key, writtenAt = null }) => {
      const isOld = writtenAt !== null && Date.parse(writtenAt) + KEPT_EMPTY_MS <= nowMs();
      return isOld && known.get(key)?.length === 0;
    });
    if (old.length > 0) await store.deleteMany(old.map(({ key }) => key));
    for (const { key } of old) known.delete(key);
    this.#known = known;
    this.#readAtMs = nowMs();
    return known;
  }

  async #write(changed: ReadonlyMap<string, Places>): Promise<number> {
    if (changed.size === 0) return 0;
    const values = [...changed].map(([key, places]) => ({
      key,
      value: encodeSecretKeyRecord({ v: 1, places: places.toSorted(byPlace) }),
    }));
    const known = this.#known;
    // Should this fail in between, what the namespace holds is not known any more.
    this.#known = null;
    await this.#options.store.putMany(values);
    for (const [name, places] of changed) known?.set(name, places);
    this.#known = known;
    return changed.size;
  }
}

function includes(places: Places, { set, entry }: SecretKeyPlace): boolean {
  return places.some((place) => place.set === set && place.entry === entry);
}
