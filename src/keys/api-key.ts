/**
 * The text of an API key: `pt_<env>_<random>_<checksum>`.
 *
 * The prefix lets secret scanners find a leaked key and says where it belongs; 27 base62 characters
 * hold 160 random bits; the checksum is CRC-32 of everything before it in 6 base62 characters, so a
 * mistyped or made-up key is refused without a question to the store.
 */
import { crc32 } from './crc32.ts';

export type KeyEnvironment = 'live' | 'test';

export const KEY_ENVIRONMENTS: readonly KeyEnvironment[] = ['live', 'test'];

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_CHARACTERS = 27;
const CHECKSUM_CHARACTERS = 6;
/** Of every key; the two environments have names of equal length. */
export const API_KEY_LENGTH = 'pt_live_'.length + RANDOM_CHARACTERS + 1 + CHECKSUM_CHARACTERS;
/** Bytes from here on would make some characters likelier than others. */
const FAIR_BYTES = 256 - (256 % DIGITS.length);

const GRAMMAR = /^(pt_(live|test)_[0-9A-Za-z]{27})_([0-9A-Za-z]{6})$/;

/** A key that nobody has: from the platform's cryptographic generator. */
export function generateApiKey(environment: KeyEnvironment): string {
  const body = `pt_${environment}_${randomDigits(RANDOM_CHARACTERS)}`;
  return `${body}_${checksumOf(body)}`;
}

/** The environment a well-formed key names; null when the text is no key, by grammar or checksum. */
export function apiKeyEnvironment(text: string): KeyEnvironment | null {
  // Cheap first: most texts that are no key have another length.
  if (text.length !== API_KEY_LENGTH) return null;
  const [, body = '', environment, checksum] = GRAMMAR.exec(text) ?? [];
  if (checksum === undefined || checksum !== checksumOf(body)) return null;
  return environment === 'live' ? 'live' : 'test';
}

function checksumOf(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let position = 0; position < CHECKSUM_CHARACTERS; position += 1) {
    text = DIGITS.charAt(rest % DIGITS.length) + text;
    rest = Math.floor(rest / DIGITS.length);
  }
  return text;
}

function randomDigits(count: number): string {
  let text = '';
  while (text.length < count) {
    for (const byte of crypto.getRandomValues(new Uint8Array(count))) {
      if (byte < FAIR_BYTES && text.length < count) text += DIGITS.charAt(byte % DIGITS.length);
    }
  }
  return text;
}
