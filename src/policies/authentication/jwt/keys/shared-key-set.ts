/** A fetched set as isolates hand it to each other through the platform's cache. */
import type { SharedTexts } from '../../../contract.ts';
import type { RemoteAddress } from './ask-provider.ts';

export type SharedKeySet = {
  readonly text: string;
  /** When the provider was asked, milliseconds since 1970: whoever takes the set over counts from there. */
  readonly fetchedAtMs: number;
  readonly lifeMs: number;
};

/** Near by, so anything slower is no help. */
const READ_TIMEOUT_MS = 1_000;
const FORMAT = 1;

/** Same set, same name: the way to the provider with its TLS settings, the path and, for discovery, the issuer. */
export function addressName(address: RemoteAddress): string {
  const { kind, target, path } = address;
  return `jwt-keys/${JSON.stringify([kind, target.upstream, target.origin, path, kind === 'discovery' ? address.issuer : null])}`;
}

/** null: nothing there, or nothing that can be read. The caller judges the text as if it had been fetched. */
export async function readShared(shared: SharedTexts | null, name: string): Promise<SharedKeySet | null> {
  if (shared === null) return null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), READ_TIMEOUT_MS);
  });
  try {
    const text = await Promise.race([shared.get(name), late]);
    return text === null ? null : parseShared(text);
  } finally {
    if (timer !== undefined) clearTimeout(timer);
  }
}

export async function writeShared(
  shared: SharedTexts | null,
  name: string,
  { text, fetchedAtMs, lifeMs }: SharedKeySet,
  keepMs: number,
): Promise<void> {
  await shared?.put(name, JSON.stringify({ v: FORMAT, fetchedAtMs, lifeMs, text }), Math.ceil(keepMs / 1_000));
}

function parseShared(stored: string): SharedKeySet | null {
  let value: unknown;
  try {
    value = JSON.parse(stored);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (!('v' in value) || value.v !== FORMAT) return null;
  if (!('text' in value) || typeof value.text !== 'string') return null;
  if (!('fetchedAtMs' in value) || !Number.isSafeInteger(value.fetchedAtMs)) return null;
  if (!('lifeMs' in value) || !Number.isSafeInteger(value.lifeMs)) return null;
  return { text: value.text, fetchedAtMs: Number(value.fetchedAtMs), lifeMs: Number(value.lifeMs) };
}
