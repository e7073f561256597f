/** A request body of which a policy may look at the start before it goes up. */
import { GatewayError } from '../diagnostics/errors.ts';
import type { RequestBody } from '../policies/contract.ts';

const NOTHING = { bytes: new Uint8Array(0), isWhole: true } as const;

/** What the gateway itself needs of it. */
export interface PeekedBody extends RequestBody {
  /** null: nobody looked, so the request's own body is still whole. Else all of it, what was looked at first. */
  rest(): ReadableStream<Uint8Array> | null;
}

export function createRequestBody(raw: Request): PeekedBody {
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  const read: Uint8Array[] = [];
  let length = 0;
  let isDone = false;
  return {
    peek: async (maxBytes) => {
      if (raw.body === null || isSentAsItCame(raw.method)) return NOTHING;
      reader ??= raw.body.getReader();
      // One byte more than asked for, to know whether that was all.
      while (!isDone && length <= maxBytes) {
        const { done, value } = await reader.read().catch(brokenOff);
        isDone = done;
        if (value === undefined || value.length === 0) continue;
        read.push(value);
        length += value.length;
      }
      const bytes = joined(read, length);
      return { bytes: bytes.subarray(0, maxBytes), isWhole: isDone && length <= maxBytes };
    },
    rest: () => {
      const source = reader;
      if (source === null) return null;
      const first = read.values();
      return new ReadableStream({
        type: 'bytes',
        pull: async (controller) => {
          const { value } = first.next();
          // The stream takes the buffer over, and who looked may still hold these bytes.
          const next = value === undefined ? await chunkOf(source, isDone) : new Uint8Array(value);
          if (next !== null) controller.enqueue(next);
          else {
            controller.close();
            controller.byobRequest?.respond(0);
          }
        },
        cancel: (reason) => source.cancel(reason),
      });
    },
  };
}

/** null: there is no more. Never an empty chunk, which the stream would take for an error. */
async function chunkOf(
  source: ReadableStreamDefaultReader<Uint8Array>,
  isDone: boolean,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (isDone) return null;
  for (;;) {
    const { done, value } = await source.read();
    if (done) return null;
    if (value.length > 0) return new Uint8Array(value);
  }
}

/** A client that goes away in the middle of its body is no failure of ours. */
function brokenOff(cause: unknown): never {
  throw new GatewayError(400, 'request-body-broken', 'The request body broke off before its end.', { cause });
}

/** The runtime takes no other body for these two than the request's own, which must then be untouched. */
function isSentAsItCame(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
