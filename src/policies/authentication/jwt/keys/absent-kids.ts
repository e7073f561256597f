/** Key ids that the provider was asked about and did not have. */

/** Two cooldowns: a client that repeats a token of old must not make every one of them end in a request. */
const REMEMBERED_MS = 60_000;
/** Token ids come from clients. Beyond this the oldest are forgotten, and the cooldown alone protects the provider. */
const MAX_KIDS = 1_000;
/** Longer ones are not kept, so that the memory is bounded in bytes as well. */
const MAX_LENGTH = 256;

export class AbsentKids {
  readonly #sinceMs = new Map<string, number>();

  isKnown(kid: string, now: number): boolean {
    const since = this.#sinceMs.get(kid);
    if (since === undefined) return false;
    if (Math.abs(now - since) < REMEMBERED_MS) return true;
    this.#sinceMs.delete(kid);
    return false;
  }

  add(kid: string, now: number): void {
    if (kid.length > MAX_LENGTH) return;
    this.#sinceMs.delete(kid);
    this.#sinceMs.set(kid, now);
    if (this.#sinceMs.size <= MAX_KIDS) return;
    const [oldest] = this.#sinceMs.keys();
    if (oldest !== undefined) this.#sinceMs.delete(oldest);
  }

  get size(): number {
    return this.#sinceMs.size;
  }
}
