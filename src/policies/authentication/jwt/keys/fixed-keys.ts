/** Keys that are written into the configuration, or held as a secret of the process: nobody is asked for them. */
import { calculateJwkThumbprint } from 'jose';
import type { PolicyRuntime } from '../../../contract.ts';
import { importKeys, keySetOf } from './import-key-set.ts';
import { KeySetError, keysUnavailable } from './key-set-error.ts';
import type { CompiledKeys, KeySet, KeySource } from './key-source.ts';
import { logDropped } from './remote-keys.ts';

type FixedPorts = Pick<PolicyRuntime, 'log' | 'secret'>;

/** RFC 7518 section 3.2: a key at least as long as the hash. */
export const MIN_SECRET_BYTES = { HS256: 32, HS384: 48, HS512: 64 } as const;
/** Nothing renews them but a new program or process; clients need not ask more often. */
const RETRY_MS = 60_000;

class FixedKeys implements KeySource {
  readonly #load: () => Promise<KeySet>;
  #set: KeySet | Promise<KeySet> | null = null;

  constructor(load: () => Promise<KeySet>) {
    this.#load = load;
  }

  /** The first request imports: a route may be loaded where nothing may be awaited. */
  current(): KeySet | Promise<KeySet> {
    this.#set ??= this.#load().then((set) => (this.#set = set));
    return this.#set;
  }

  refreshed(): KeySet | Promise<KeySet> {
    return this.current();
  }
}

export function inlineKeys({ keys }: Extract<CompiledKeys, { kind: 'inline' }>, ports: FixedPorts): KeySource {
  return new FixedKeys(async () => {
    const imported = await importKeys(keys);
    logDropped(ports, 'inline', imported.dropped);
    if (imported.keys.length === 0) throw unusable(ports, 'inline', 'no-usable-key');
    return keySetOf(imported.keys);
  });
}

export function secretKeys(
  { name, algorithm }: Extract<CompiledKeys, { kind: 'secret' }>,
  ports: FixedPorts,
): KeySource {
  return new FixedKeys(async () => {
    const text = ports.secret(name);
    if (text === null) throw unusable(ports, `secret ${name}`, 'secret-missing');
    const key = new TextEncoder().encode(text);
    if (key.length < MIN_SECRET_BYTES[algorithm]) throw unusable(ports, `secret ${name}`, 'secret-too-short');
    const k = btoa(String.fromCharCode(...key))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replace(/=+$/, '');
    const id = await calculateJwkThumbprint({ kty: 'oct', k });
    return keySetOf([{ kid: null, algorithms: [algorithm], key, id }]);
  });
}

/** Logged once, since the rejected promise is what every later request gets. */
function unusable({ log }: FixedPorts, address: string, reason: string): Error {
  log('jwks-unusable', { address, reason });
  return keysUnavailable('jwks-unavailable', RETRY_MS, new KeySetError(reason));
}
