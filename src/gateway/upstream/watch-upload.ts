/**
 * The clock over a request body. As in Envoy `timeout_ms` begins when the request has arrived whole, so
 * that a large upload over a slow line is not a slow upstream. Unlike there, an upload that does not
 * move is cut after the same time: what counts as moving is a number of bytes, so that a sender of
 * one byte a second cannot hold a backend's connection for ever.
 */
import type { Deadline } from './deadline.ts';
import { createPipe, pump, type WaitUntil } from './pipe.ts';

/** Bytes that must come within each `timeout_ms`. */
const PROGRESS_BYTES = 16_384;

export type Upload = {
  readonly body: ReadableStream<Uint8Array>;
  /** null: unknown. */
  readonly length: number | null;
  readonly signal: AbortSignal;
};

/** The body to send in place of the request's own. `deadline` must have been started as `upload`. */
export function watchUpload(
  { body, length, signal }: Upload,
  deadline: Pick<Deadline, 'restart' | 'breakOff'>,
  waitUntil: WaitUntil,
): ReadableStream<Uint8Array> {
  const { readable, writable } = createPipe(length);
  let sinceRestart = 0;
  const seen = (bytes: number): void => {
    sinceRestart += bytes;
    if (sinceRestart < PROGRESS_BYTES) return;
    sinceRestart = 0;
    deadline.restart();
  };
  const reader = body.getReader({ mode: 'byob' });
  const source = {
    read: (buffer: Uint8Array<ArrayBuffer>) =>
      reader.read(buffer).catch((error: unknown) => {
        // The runtime ends the request it sends as if the body were whole when its stream is aborted, so
        // the request itself must go first: half an upload never looks like all of it.
        deadline.breakOff();
        throw error;
      }),
    cancel: (reason: unknown) => reader.cancel(reason),
  };
  waitUntil(pump(source, writable.getWriter(), signal, seen).then(() => deadline.restart()));
  return readable;
}
