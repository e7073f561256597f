/** What the external service is asked: the request's own method, Host and canonical path, and of its headers those that are listed. */
import { GatewayError } from '../../../diagnostics/errors.ts';
import type { PolicyTarget, RequestFacts } from '../../contract.ts';
import type { AuthRequest } from '../method.ts';
import type { CompiledExternal } from './compiled.ts';

/** A client that sends slower than this cannot hold a check open for ever. */
const BODY_TIMEOUT_MS = 60_000;

export type CheckedBody = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** null: no body was asked for. */
  readonly isPartial: boolean | null;
};

/**
 * Throws GatewayError: 413 `auth-body-too-large`, 400 `auth-body-unsendable`, 408 `auth-body-timeout`, and
 * what the body's reader throws.
 */
export function readBody(request: AuthRequest, { body }: CompiledExternal): CheckedBody | Promise<CheckedBody> {
  if (body === undefined) return { bytes: new Uint8Array(0), isPartial: null };
  const { maxBytes, allowPartial } = body;
  const { method, headers } = request.facts;
  const announced = Number(headers.get('content-length') ?? 0);
  if (method === 'GET' || method === 'HEAD') return bodyOfBodyless(announced > 0, allowPartial);
  if (announced > maxBytes && !allowPartial) throw tooLarge(maxBytes);
  return startOf(request, maxBytes, allowPartial);
}

/** The runtime sends these methods without a body; what the service is not shown it must not seem to have allowed. */
function bodyOfBodyless(hasBody: boolean, allowPartial: boolean): CheckedBody {
  if (hasBody && !allowPartial) {
    throw new GatewayError(
      400,
      'auth-body-unsendable',
      'The body of a GET or HEAD request cannot be shown to the external service.',
    );
  }
  return { bytes: new Uint8Array(0), isPartial: hasBody };
}

async function startOf({ body }: AuthRequest, maxBytes: number, allowPartial: boolean): Promise<CheckedBody> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new GatewayError(408, 'auth-body-timeout', 'The request body did not arrive in time.'));
  }, BODY_TIMEOUT_MS);
  try {
    const { bytes, isWhole } = await Promise.race([body.peek(maxBytes), late]);
    if (!isWhole && !allowPartial) throw tooLarge(maxBytes);
    // A copy: `fetch` may take the buffer over, and the upstream needs the same bytes.
    return { bytes: new Uint8Array(bytes), isPartial: !isWhole };
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError(413, 'auth-body-too-large', `Bodies over ${maxBytes} bytes cannot be checked.`);
}

export function checkPath({ path, query }: RequestFacts, prefix: string): string {
  return query === null ? prefix + path : `${prefix}${path}?${query}`;
}

/** Through a binding the platform takes Host from the URL, and connects to the binding's own address whatever that says. */
export function checkTarget({ target, ownHost }: CompiledExternal, { authority }: RequestFacts): PolicyTarget {
  if (ownHost === true || target.via.kind === 'fetch') return target;
  const scheme = target.origin.startsWith('https:') ? 'https' : 'http';
  return { ...target, origin: `${scheme}://${authority}` };
}

export function checkHeaders(config: CompiledExternal, facts: RequestFacts, { isPartial }: CheckedBody): Headers {
  const headers = new Headers();
  for (const name of config.requestHeaders) {
    const value = facts.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  for (const [name, value] of config.addedHeaders) headers.set(name, value);
  if (isPartial !== null) headers.set('x-envoy-auth-partial-body', String(isPartial));
  return headers;
}
