/** The real process as a Terminal. */
import type { Writable } from 'node:stream';
import type { Terminal } from './command.ts';

export function processTerminal(): Terminal {
  return {
    cwd: process.cwd(),
    env: process.env,
    stdin: process.stdin,
    color: { stdout: wantsColor(process.stdout), stderr: wantsColor(process.stderr) },
    stdout: writer(process.stdout),
    stderr: writer(process.stderr),
    stopped,
  };
}

/** Waits until both streams have taken everything: exiting earlier would cut a pipe's last lines off. */
export async function flushOutput(): Promise<void> {
  await Promise.all([process.stdout, process.stderr].map((stream) => flush(stream)));
}

function flush(stream: Writable): Promise<void> {
  if (stream.destroyed || stream.errored !== null) return Promise.resolve();
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

/** A reader that went away (EPIPE) silences the stream; the exit code still says how the command ended. */
function writer(stream: Writable): (text: string) => void {
  let open = true;
  stream.on('error', () => {
    open = false;
  });
  return (text) => {
    if (open) stream.write(text);
  };
}

/** https://no-color.org: set and not empty means no colour; FORCE_COLOR is for people who page with colour. */
function wantsColor(stream: NodeJS.WriteStream): boolean {
  if ((process.env['NO_COLOR'] ?? '') !== '') return false;
  if ((process.env['FORCE_COLOR'] ?? '0') !== '0') return true;
  return stream.isTTY && process.env['TERM'] !== 'dumb';
}

/**
 * Each call takes the signals over from whoever listens: libraries (miniflare) install handlers that
 * end the process at once, which would cut an orderly end short.
 */
function stopped(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.removeAllListeners(signal);
      process.on(signal, stop);
    }
  });
}

const waiting: (() => void)[] = [];
let asked = false;

/** A second signal does not wait for the orderly end: something hangs and the person knows it. */
function stop(signal: NodeJS.Signals): void {
  if (asked) process.exit(signal === 'SIGINT' ? 130 : 143);
  asked = true;
  for (const resolve of waiting) resolve();
}
