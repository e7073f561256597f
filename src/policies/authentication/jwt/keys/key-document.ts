/** Reads one JSON document of an identity provider, believing nothing about its size, speed or kind. */
import { KeySetError } from './key-set-error.ts';

export type KeyDocument = {
  readonly text: string;
  /** Milliseconds for which the provider allows to use it, by Cache-Control; null: it does not say. */
  readonly lifeMs: number | null;
};

/** Real sets take a few kilobytes. Counted after decompression, so that a small answer cannot unfold. */
export const MAX_DOCUMENT_BYTES = 512 * 1_024;

export const DOCUMENT_HEADERS: Readonly<Record<string, string>> = {
  accept: 'application/json, application/jwk-set+json',
  'user-agent': 'portolan',
};

/** @param ended rejects when the time is over; the runtime may not end a body by itself */
export async function readDocument(answer: Promise<Response>, ended: Promise<never>): Promise<KeyDocument> {
  let response: Response;
  try {
    response = await Promise.race([answer, ended]);
  } catch (error) {
    // Whatever comes too late is let go, so that its connection is.
    answer.then(discard, () => undefined);
    throw error instanceof KeySetError ? error : new KeySetError('unreachable', 'jwks-unavailable', error);
  }
  const unfit = unfitHead(response);
  if (unfit !== null) {
    discard(response);
    throw new KeySetError(unfit);
  }
  return { text: await readText(response, ended), lifeMs: lifeOf(response.headers.get('cache-control')) };
}

function unfitHead({ status, headers }: Response): string | null {
  // Where a redirect leads nobody wrote down. Status 0 is how some runtimes hide one.
  if (status === 0 || (status >= 300 && status < 400)) return 'redirect';
  if (status !== 200) return `status-${status}`;
  if (/^\s*(?:text\/html|application\/xhtml)/i.test(headers.get('content-type') ?? '')) return 'html';
  return Number(headers.get('content-length') ?? 0) > MAX_DOCUMENT_BYTES ? 'too-large' : null;
}

async function readText({ body }: Response, ended: Promise<never>): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let text = '';
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), ended]);
      if (done) return text + decoder.decode();
      const chunk: Uint8Array = value;
      size += chunk.byteLength;
      if (size > MAX_DOCUMENT_BYTES) throw new KeySetError('too-large');
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    reader.cancel().catch(() => undefined);
    if (error instanceof KeySetError) throw error;
    throw new KeySetError(error instanceof TypeError ? 'not-text' : 'cut-off', 'jwks-unavailable', error);
  }
}

function discard({ body }: Response): void {
  body?.cancel().catch(() => undefined);
}

/** RFC 9111 section 5.2.2; what cannot be read says nothing. */
function lifeOf(cacheControl: string | null): number | null {
  if (cacheControl === null) return null;
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])/i.test(cacheControl)) return 0;
  const seconds = /(?:^|[\s,])max-age\s*=\s*"?(\d{1,9})/i.exec(cacheControl)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}
