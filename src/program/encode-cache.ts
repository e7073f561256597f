/** What an encoder remembers between two encodings, so that what did not change costs nothing again. */
import { canonicalJson } from './canonical-json.ts';
import { sha256 } from '../model/sha256.ts';

/**
 * Never decides what is written: with and without it the values are the same. Objects are remembered
 * by identity, so they must not be changed after they were encoded.
 */
export class EncodeCache {
  readonly #texts = new WeakMap<object, string>();
  #hashes = new Map<string, { readonly text: string; readonly hash: string }>();
  #hashesBefore = this.#hashes;

  /** Starts an encoding: hashes that neither it nor the one before asks for are forgotten. */
  begin(): void {
    this.#hashesBefore = this.#hashes;
    this.#hashes = new Map();
  }

  textOf(value: object): string {
    let text = this.#texts.get(value);
    if (text === undefined) this.#texts.set(value, (text = canonicalJson(value)));
    return text;
  }

  /** `slot` names the place of the text in the layout: the same place most often holds the same text. */
  async hashOf(slot: string, text: string): Promise<string> {
    const before = this.#hashesBefore.get(slot);
    const hash = before !== undefined && before.text === text ? before.hash : await sha256(text);
    this.#hashes.set(slot, { text, hash });
    return hash;
  }
}

/** As `cache.textOf`, or without one. */
export function textOf(value: object, cache: EncodeCache | undefined): string {
  return cache === undefined ? canonicalJson(value) : cache.textOf(value);
}

/** As `cache.hashOf`, or without one. */
export function hashOf(slot: string, text: string, cache: EncodeCache | undefined): Promise<string> {
  return cache === undefined ? sha256(text) : cache.hashOf(slot, text);
}
