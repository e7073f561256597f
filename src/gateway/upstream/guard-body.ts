/**
 * Keeps the clock running over a response body.
 *
 * Once a response is handed over, the runtime streams its body by itself and ends the request's
 * script, timers included: an upstream that stalls half-way would hold the connection for ever. So a
 * body that may take long is piped natively through a stream that the request waits for. Short bodies
 * of known length practically arrive with their headers and are left alone, because a pipe costs.
 */
import type { Deadline } from './deadline.ts';

/** Bytes of a body that is not worth a pipe. */
const SHORT_BODY = 16_384;
/** How long a request may linger only to cut a compressed body. */
const LONGEST_LINGER_MS = 10_000;

export type WaitUntil = (work: Promise<unknown>) => void;

export function guardBody(response: Response, deadline: Deadline, waitUntil: WaitUntil): Response {
  const { body, headers, status } = response;
  if (body === null || status === 101 || deadline.signal === null) return response;
  const length = contentLength(headers);
  if (length !== null && length <= SHORT_BODY && deadline.idleMs === null) return response;
  if (headers.has('content-encoding')) {
    // Reading it would make the runtime decode it and change its bytes. Waiting out the clock cuts it as
    // well, but every finished request lingers until then, hence only for short clocks.
    if (deadline.totalMs <= LONGEST_LINGER_MS) waitUntil(sleep(deadline.totalMs));
    return response;
  }
  const { readable, writable } = createPipe(length);
  const source = deadline.idleMs === null ? body : body.pipeThrough(watchSilence(deadline, deadline.idleMs));
  // A cut or broken body reaches the client through `readable`; here it is no news.
  waitUntil(source.pipeTo(writable, { signal: deadline.signal }).catch(() => undefined));
  return new Response(readable, response);
}

function watchSilence(deadline: Deadline, idleMs: number): TransformStream<Uint8Array, Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const restart = (): void => {
    if (timer !== undefined) clearTimeout(timer);
    timer = setTimeout(() => deadline.expire(), idleMs);
  };
  return new TransformStream<Uint8Array, Uint8Array>({
    start: restart,
    transform: (chunk, stream) => {
      restart();
      stream.enqueue(chunk);
    },
    flush: () => {
      if (timer !== undefined) clearTimeout(timer);
    },
  });
}

type Pipe = { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<Uint8Array> };

/** workerd's own pass-through streams move bytes without script and keep a known length in the framing. */
const FixedLength: (new (length: number) => Pipe) | undefined = Reflect.get(globalThis, 'FixedLengthStream');
const Identity: (new () => Pipe) | undefined = Reflect.get(globalThis, 'IdentityTransformStream');

function createPipe(length: number | null): Pipe {
  if (length !== null && FixedLength !== undefined) return new FixedLength(length);
  return Identity === undefined ? new TransformStream<Uint8Array, Uint8Array>() : new Identity();
}

function contentLength(headers: Headers): number | null {
  const text = headers.get('content-length');
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
