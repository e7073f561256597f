/** A request body of which a policy may look at the start before it goes up. */
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
        const { done, value } = await reader.read();
        isDone = done;
        if (value === undefined) continue;
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
          const next = value ?? (isDone ? undefined : (await source.read()).value);
          // Zero bytes would be an error of the stream, not its end.
          if (next !== undefined && next.length > 0) controller.enqueue(new Uint8Array(next));
          else if (next === undefined) {
            controller.close();
            controller.byobRequest?.respond(0);
          }
        },
        cancel: (reason) => source.cancel(reason),
      });
    },
  };
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
