/** What an answer of the external service becomes: header changes for the upstream, or the client's answer. */
import type { HeaderEdit } from '../method.ts';
import type { Clock } from './clock.ts';
import { isRemovable } from './header-rules.ts';

/** Envoy's name: a comma-separated list of request headers to take away. */
const TO_REMOVE = 'x-envoy-auth-headers-to-remove';
/** A page that says no is small; more than this is cut. */
const MAX_BODY_BYTES = 1_048_576;
/** Characters of all copied headers together. */
const MAX_HEADER_LENGTH = 32_768;
/** A body that is read to its end leaves its connection for the next check. */
const MAX_DRAINED_BYTES = 4_096;
/** A header value may hold the tab and no other control character (RFC 9110 §5.5). */
const NOT_IN_VALUES = /[^\t -~\u0080-\uffff]/;
/** RFC 9110 §6.4.1 */
const NULL_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

type CopiedHeader = readonly [name: string, value: string];

/** In the order of `names`; null: one of them is nothing that a header can hold, or all together are too much. */
export function copiedHeaders(headers: Headers, names: readonly string[]): readonly CopiedHeader[] | null {
  const copied: CopiedHeader[] = [];
  let length = 0;
  for (const name of names) {
    // Cookies must not be joined: their dates hold commas.
    const single = headers.get(name);
    const values = name === 'set-cookie' ? headers.getSetCookie() : single === null ? [] : [single];
    for (const value of values) {
      if (NOT_IN_VALUES.test(value)) return null;
      length += name.length + value.length;
      copied.push([name, value]);
    }
  }
  return length > MAX_HEADER_LENGTH ? null : copied;
}

/** As Envoy: headers of the answer replace the request's, removals come last. */
export function upstreamEdits(headers: Headers, copied: readonly CopiedHeader[]): readonly HeaderEdit[] {
  const edits: HeaderEdit[] = [];
  let last = '';
  for (const [name, value] of copied) {
    edits.push(name === last ? { name, value, append: true } : { name, value });
    last = name;
  }
  for (const part of headers.get(TO_REMOVE)?.split(',') ?? []) {
    const name = part.trim().toLowerCase();
    if (isRemovable(name)) edits.push({ name, value: null });
  }
  return edits;
}

/** Lets go of a body that nobody wants. Never rejects. */
export async function discard({ body, headers }: Response): Promise<void> {
  if (body === null) return;
  const length = headers.get('content-length');
  try {
    if (length === null || !(Number(length) <= MAX_DRAINED_BYTES)) {
      await body.cancel();
      return;
    }
    const reader = body.getReader();
    let read = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      read += value.byteLength;
      if (read > MAX_DRAINED_BYTES) {
        await reader.cancel();
        return;
      }
    }
  } catch {
    // It broke off: then nothing is left to let go of.
  }
}

export type ClientAnswerInput = {
  readonly copied: readonly CopiedHeader[];
  readonly isHead: boolean;
  readonly clock: Clock;
  readonly waitUntil: (work: Promise<unknown>) => void;
};

/** `response` has a status from 200 to 599. The clock runs until its body has passed. */
export function clientAnswer(response: Response, { copied, isHead, clock, waitUntil }: ClientAnswerInput): Response {
  const { status, body } = response;
  const headers = new Headers();
  for (const [name, value] of copied) headers.append(name, value);
  const type = response.headers.get('content-type');
  if (type !== null && !NOT_IN_VALUES.test(type)) headers.set('content-type', type);
  // It speaks about one caller: no cache may give it to the next.
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  if (body === null || isHead || NULL_BODY.has(status)) {
    waitUntil(discard(response).finally(clock.stop));
    return new Response(null, { status, headers });
  }
  return new Response(capped(body, clock, waitUntil), { status, headers });
}

/** Cut, not ended, when it is too long or late: half a page must not look like a whole one. */
function capped(
  body: NonNullable<Response['body']>,
  clock: Clock,
  waitUntil: ClientAnswerInput['waitUntil'],
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const { promise: ended, resolve: end } = Promise.withResolvers<undefined>();
  let left = MAX_BODY_BYTES;
  const stop = async (reason: unknown): Promise<void> => {
    clock.stop();
    end(undefined);
    await reader.cancel(reason).catch(() => undefined);
  };
  const late = new Promise<never>((_resolve, reject) => {
    clock.signal.addEventListener('abort', () => {
      reject(new Error('The external service did not finish its answer in time.'));
      void stop(clock.signal.reason);
    });
  });
  late.catch(() => undefined);
  // Timers end with the request's script, which streams alone do not keep alive.
  waitUntil(ended);
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await Promise.race([reader.read(), late]);
          if (done) {
            await stop(undefined);
            controller.close();
            return;
          }
          left -= value.byteLength;
          if (left < 0) throw new Error('The answer of the external service is too long.');
          controller.enqueue(value);
        } catch (error) {
          await stop(error);
          controller.error(error);
        }
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  );
}
