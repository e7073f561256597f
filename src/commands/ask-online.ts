/** What policies ask, asked for real: of the place an upstream leads to, by the name it is asked for there. */
import * as http from 'node:http';
import * as https from 'node:https';
import { Readable } from 'node:stream';
import type { PolicyRuntime } from '../policies/contract.ts';
import type { CompiledUpstream } from '../program/route-program.ts';

/** `fetch` would connect to the name, and lets nobody set Host. TLS is verified as Node does, whatever `tls` says. */
export function askOnline(upstreams: readonly CompiledUpstream[]): PolicyRuntime['ask'] {
  const places = new Map(upstreams.map(({ id, origin }) => [id, origin]));
  return ({ upstream, origin }, path, init) => {
    const url = new URL((places.get(upstream) ?? origin) + path);
    const named = new URL(origin);
    const headers = { ...Object.fromEntries(new Headers(init.headers)), host: named.host };
    const { method = 'GET', signal, body } = init;
    const options = { method, headers, servername: named.hostname, ...(signal != null && { signal }) };
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? https : http).request(url, options);
      request.once('error', reject);
      request.once('response', (incoming) => {
        try {
          resolve(toResponse(incoming));
        } catch (error) {
          request.destroy();
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      request.end(body instanceof Uint8Array ? body : undefined);
    });
  };
}

/** Throws for a status that is none of HTTP's. */
function toResponse(incoming: http.IncomingMessage): Response {
  const { statusCode: status = 0, rawHeaders } = incoming;
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    headers.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '');
  const hasBody = ![204, 205, 304].includes(status);
  if (!hasBody) incoming.resume();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node's own type of the same streams
  const body = hasBody ? (Readable.toWeb(incoming) as ReadableStream<Uint8Array>) : null;
  return new Response(body, { status, headers });
}
