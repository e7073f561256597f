/** Gets the text of a key set: from its address, or from where the discovery document says it is. */
import { isPrivateHost } from '../../../../model/private-address.ts';
import type { PolicyRuntime } from '../../../contract.ts';
import { DOCUMENT_HEADERS, readDocument, type KeyDocument } from './key-document.ts';
import { KeySetError } from './key-set-error.ts';
import type { CompiledKeys } from './key-source.ts';

export type RemoteAddress = Extract<CompiledKeys, { kind: 'jwks' | 'discovery' }>;
export type Network = Pick<PolicyRuntime, 'ask' | 'askPublic'>;

/** For both requests of a discovery together. */
export const PROVIDER_TIMEOUT_MS = 5_000;

/** Rejects with KeySetError. */
export async function askProvider(address: RemoteAddress, network: Network): Promise<KeyDocument> {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new KeySetError('timeout'));
      abort.abort();
    }, PROVIDER_TIMEOUT_MS);
  });
  // Nobody may be listening when it ends.
  ended.catch(() => undefined);
  const init: RequestInit = { method: 'GET', headers: DOCUMENT_HEADERS, signal: abort.signal };
  try {
    const { target, path } = address;
    const first = await readDocument(network.ask(target, path, init), ended);
    if (address.kind === 'jwks') return first;
    return await readDocument(askDiscovered(first.text, address, network, init), ended);
  } finally {
    if (timer !== undefined) clearTimeout(timer);
  }
}

function askDiscovered(
  text: string,
  { issuer, target }: Extract<RemoteAddress, { kind: 'discovery' }>,
  network: Network,
  init: RequestInit,
): Promise<Response> {
  const url = discoveredUri(text, issuer);
  // The operator wrote this origin down, so it is reached the way that was configured for it, private or not.
  if (url.origin === new URL(issuer).origin) return network.ask(target, url.pathname + url.search, init);
  if (url.protocol !== 'https:' || !isPublicName(url.hostname)) {
    throw new KeySetError('jwks-uri-not-public', 'jwks-uri-not-public');
  }
  if (network.askPublic === null) throw new KeySetError('jwks-network-missing', 'jwks-network-missing');
  return network.askPublic(url.href, init);
}

/** OpenID Connect Discovery 1.0 section 4.3: a document that names another issuer is somebody else's. */
function discoveredUri(text: string, issuer: string): URL {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new KeySetError('discovery-invalid-json', 'jwks-unavailable', error);
  }
  if (typeof document !== 'object' || document === null) throw new KeySetError('discovery-invalid-json');
  if (!('issuer' in document) || document.issuer !== issuer) throw new KeySetError('discovery-issuer-mismatch');
  const uri = 'jwks_uri' in document ? document.jwks_uri : undefined;
  const url = typeof uri === 'string' ? URL.parse(uri) : null;
  if (url === null || url.username !== '' || url.password !== '') throw new KeySetError('discovery-no-jwks-uri');
  return url;
}

/** Special-use and one-word names mean something only inside a network (RFC 6761, RFC 6762, RFC 9476 among others). */
const INSIDE_NAME = /(?:^|\.)(?:alt|home\.arpa|internal|invalid|lan|local|localdomain|localhost|onion|test)$/;

function isPublicName(hostname: string): boolean {
  if (isPrivateHost(hostname)) return false;
  const name = hostname.replace(/\.$/, '');
  return name.startsWith('[') || (name.includes('.') && !INSIDE_NAME.test(name));
}
