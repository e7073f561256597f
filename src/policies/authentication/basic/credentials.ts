/** `Authorization: Basic …` by the letter of RFC 7617, with the charset UTF-8 that our challenge asks for. */
import { isPassword, isUserName } from '../../../keys/basic-user.ts';
import { fromBase64 } from '../../../model/bytes.ts';

/** Longer headers are nobody's. In characters. */
export const MAX_CREDENTIALS_LENGTH = 4_096;

export type Credentials =
  /** Another scheme, or no header. */
  | { readonly kind: 'none' }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'malformed' }
  /** `user` in normalisation form C; `token` is what was sent. */
  | { readonly kind: 'given'; readonly user: string; readonly password: string; readonly token: string };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function parseCredentials(authorization: string | null): Credentials {
  if (authorization === null || !/^basic(?: |$)/i.test(authorization)) return { kind: 'none' };
  if (authorization.length > MAX_CREDENTIALS_LENGTH) return { kind: 'too-large' };
  const token = authorization.slice('basic'.length).replace(/^ +/, '');
  const bytes = fromBase64(token);
  const text = bytes === null ? null : utf8(bytes);
  const colon = text?.indexOf(':') ?? -1;
  if (text === null || colon < 1) return { kind: 'malformed' };
  const user = text.slice(0, colon).normalize('NFC');
  const password = text.slice(colon + 1);
  // What could never have been created is refused before it costs anything; that says nothing about who exists.
  if (!isUserName(user) || !isPassword(password)) return { kind: 'malformed' };
  return { kind: 'given', user, password, token };
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
