/**
 * Keeps the clock running over a response body.
 *
 * Once a response is handed over, the runtime streams its body by itself and ends the request's
 * script, timers included: an upstream that stalls half-way would hold the connection for ever. So a
 * body is piped natively through a stream that the request waits for. A short one of known length is
 * read before the answer leaves: mostly it came with its head, and a pipe would cost more. A tiny one is
 * left alone. Nothing is decoded, because the request was sent with `encodeResponseBody: 'manual'`.
 */
import type { Deadline } from './deadline.ts';
import { contentLength, createPipe, pump, SHORT_BODY, type WaitUntil } from './pipe.ts';

/**
 * Bytes of a body that travels in one packet with its head: a stall there would have to be meant, and
 * reading costs a tenth of the throughput of such answers.
 */
const TINY_BODY = 1024;

export type GuardContext = {
  readonly deadline: Deadline;
  /**
   * The signal of the client's request. A request that waits for its body is not ended with its client,
   * so without this a client that goes away would leave the upstream sending. The runtime tells only with
   * the compatibility flag `enable_request_signal`.
   */
  readonly client: AbortSignal;
  readonly waitUntil: WaitUntil;
};

/** The promise rejects when a short body breaks or is late before its first byte; afterwards the answer is cut. */
export function guardBody(response: Response, context: GuardContext): Response | Promise<Response> {
  const { body, headers, status } = response;
  const { deadline, client, waitUntil } = context;
  const { idleMs } = deadline;
  // No Response of ours may carry a status outside 200–599.
  if (body === null || deadline.signal === null || status < 200 || status > 599) return response;
  const length = contentLength(headers);
  if (length !== null && length <= SHORT_BODY && idleMs === null) {
    return length <= TINY_BODY ? response : readShort(response, body, length, context);
  }
  const signal = AbortSignal.any([deadline.signal, client]);
  if (idleMs !== null) return watchSilence(response, body, { deadline, signal, idleMs, length, waitUntil });
  const { readable, writable } = createPipe(length);
  // A cut or broken body reaches the client through `readable`; here it is no news.
  waitUntil(body.pipeTo(writable, { signal }).catch(() => undefined));
  return new Response(readable, response);
}

type Body = NonNullable<Response['body']>;

async function readShort(response: Response, body: Body, length: number, context: GuardContext): Promise<Response> {
  const reader = body.getReader({ mode: 'byob' });
  const { done, value } = await reader.read(new Uint8Array(length));
  if (!done && value.byteLength === length) return new Response(value, response);
  const { readable, writable } = createPipe(length);
  const writer = writable.getWriter();
  // Nobody reads before the answer leaves, so this write must not be waited for here.
  if (value !== undefined) writer.write(value).catch(() => undefined);
  const { deadline, client, waitUntil } = context;
  const signal = AbortSignal.any(deadline.signal === null ? [client] : [deadline.signal, client]);
  waitUntil(pump(reader, writer, signal, () => undefined));
  return new Response(readable, response);
}

type Watched = {
  readonly deadline: Deadline;
  readonly signal: AbortSignal;
  readonly idleMs: number;
  readonly length: number | null;
  readonly waitUntil: WaitUntil;
};

function watchSilence(response: Response, body: Body, watched: Watched): Response {
  const { deadline, signal, idleMs, length, waitUntil } = watched;
  const { readable, writable } = createPipe(length);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => {
    if (timer !== undefined) clearTimeout(timer);
  };
  const restart = (): void => {
    stop();
    timer = setTimeout(() => deadline.expire(), idleMs);
  };
  restart();
  waitUntil(pump(body.getReader({ mode: 'byob' }), writable.getWriter(), signal, restart).finally(stop));
  return new Response(readable, response);
}
