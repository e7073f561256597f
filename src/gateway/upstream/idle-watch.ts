/**
 * Cuts a response whose body stays silent for too long.
 *
 * Watching means that every chunk passes through script, so it is done only where the route asks for
 * less than Envoy's default of five minutes and the request deadline would not come first. A body with
 * a content-encoding is never watched: the runtime would decode it for us and change its bytes.
 */

/** Envoy's `stream_idle_timeout`; routes that did not ask for another value have this one. */
const DEFAULT_IDLE_MS = 300_000;

export type IdleWatch = {
  readonly controller: AbortController;
  /** The same answer, cut when its body is silent. */
  guard(response: Response): Response;
};

/** null: nothing to watch. `totalMs` is the request deadline, Infinity for none. */
export function watchIdle(idleMs: number, totalMs: number): IdleWatch | null {
  if (idleMs <= 0 || idleMs >= totalMs || idleMs === DEFAULT_IDLE_MS) return null;
  const controller = new AbortController();
  return {
    controller,
    guard: (response) => {
      const { body, headers } = response;
      if (body === null || response.status === 101 || headers.has('content-encoding')) return response;
      let timer = setTimeout(() => controller.abort(), idleMs);
      const passed = body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform: (chunk, stream) => {
            clearTimeout(timer);
            timer = setTimeout(() => controller.abort(), idleMs);
            stream.enqueue(chunk);
          },
          flush: () => clearTimeout(timer),
        }),
      );
      return new Response(passed, response);
    },
  };
}
