/**
 * Tells when an answer is over. A body is moved through script, as it is and with its framing, because
 * the runtime streams what it moves itself without telling anybody of the end; a WebSocket is relayed.
 */
import { contentLength, createPipe, pump, type ByteSource, type WaitUntil } from './upstream/pipe.ts';
import { relaySocket, socketOf } from './upstream/relay-socket.ts';

export type AnswerEnd = {
  /** Each runs once. */
  readonly ends: readonly (() => void)[];
  readonly client: AbortSignal;
  readonly waitUntil: WaitUntil;
  readonly isHead: boolean;
  /** See exchange.ts. */
  readonly dropUpstream: (() => void) | null;
};

/**
 * The answer to send in place of this one. An answer without a body, and one whose status no Response of
 * ours may carry (outside 200–599), is over at once.
 */
export function endAfter(response: Response, answerEnd: AnswerEnd): Response {
  const { ends, client, waitUntil, isHead, dropUpstream } = answerEnd;
  let isOver = false;
  const finish = (): void => {
    if (!isOver) runAll(ends);
    isOver = true;
  };
  const { body, headers, status } = response;
  const socket = socketOf(response);
  if (socket !== null) return relaySocket(response, socket, { closed: finish, dropUpstream, waitUntil });
  if (body === null || isHead || status < 200 || status > 599) {
    finish();
    return response;
  }
  const { readable, writable } = createPipe(contentLength(headers));
  // Not only by the pump, whose write may wait for a reader who has left.
  if (client.aborted) finish();
  else client.addEventListener('abort', finish, { once: true });
  // Work that waits for the end has timers of its own, and the runtime keeps those only while something is waited for.
  waitUntil(pump(sourceOf(body), writable.getWriter(), client, () => undefined).finally(finish));
  return new Response(readable, response);
}

/** Gives each the same; what one throws must not keep the others from running. */
export function runAll<Given extends readonly unknown[]>(
  works: readonly ((...given: Given) => void)[],
  ...given: Given
): void {
  for (const work of works) {
    try {
      work(...given);
    } catch {
      // Whoever registered it was told that it must not throw.
    }
  }
}

/** Bodies that scripts made, in Node mostly, cannot be read into a buffer of ours. */
function sourceOf(body: NonNullable<Response['body']>): ByteSource {
  try {
    return body.getReader({ mode: 'byob' });
  } catch {
    const reader = body.getReader();
    return { read: () => reader.read(), cancel: (reason) => reader.cancel(reason) };
  }
}
