/** Streams between the two sides of an exchange. */

export type WaitUntil = (work: Promise<unknown>) => void;

/**
 * Bytes of a body that is not worth a pipe: it is in flight with its head, and moving it through
 * streams costs more than all the rest of the request.
 */
export const SHORT_BODY = 16_384;
const CHUNK = 16_384;

export type Pipe = { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<Uint8Array> };

/** workerd's own pass-through streams move bytes without script and keep a known length in the framing. */
const FixedLength: (new (length: number) => Pipe) | undefined = Reflect.get(globalThis, 'FixedLengthStream');
const Identity: (new () => Pipe) | undefined = Reflect.get(globalThis, 'IdentityTransformStream');

/** `length`: of all bytes that will pass; null: unknown. */
export function createPipe(length: number | null): Pipe {
  if (length !== null && FixedLength !== undefined) return new FixedLength(length);
  return Identity === undefined ? new TransformStream<Uint8Array, Uint8Array>() : new Identity();
}

/** null: not said, or not a plain number. */
export function contentLength(headers: Headers): number | null {
  const text = headers.get('content-length');
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Of a `ReadableStreamBYOBReader`. */
export type ByteSource = {
  read(buffer: Uint8Array<ArrayBuffer>): Promise<ReadableStreamReadResult<Uint8Array>>;
  cancel(reason: unknown): Promise<void>;
};

/**
 * Moves bytes through script and tells how many came. Never rejects: when either side breaks or the
 * signal aborts, both are ended as broken, which is all that the two peers can be told.
 */
export async function pump(
  source: ByteSource,
  target: WritableStreamDefaultWriter<Uint8Array>,
  signal: AbortSignal,
  seen: (bytes: number) => void,
): Promise<void> {
  const stop = (): void => void endBroken(source, target, signal.reason);
  signal.addEventListener('abort', stop);
  // The target may break while the source is silent: then nobody wants what would still come.
  target.closed.catch((error: unknown) => source.cancel(error)).catch(() => undefined);
  try {
    for (;;) {
      const { done, value } = await source.read(new Uint8Array(CHUNK));
      if (done) break;
      seen(value.byteLength);
      await target.write(value);
    }
    await target.close();
  } catch (error) {
    await endBroken(source, target, error);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function endBroken(
  source: ByteSource,
  target: WritableStreamDefaultWriter<Uint8Array>,
  reason: unknown,
): Promise<void> {
  await Promise.allSettled([source.cancel(reason), target.abort(reason)]);
}
