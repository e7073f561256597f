import { toHex } from './bytes.ts';

const encoder = new TextEncoder();

/** SHA-256 of the UTF-8 bytes of a text, 64 lower-case hexadecimal digits. */
export async function sha256(text: string): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))));
}
