/** Tells a node that serves a state folder that there is a new version, so that it need not wait for its next look. */
import * as http from 'node:http';
import * as path from 'node:path';
import { errorCode } from './file-system.ts';

/** `absent`: nothing serves this folder now, which is fine. `failed`: something answers, but not as it should. */
export type PokeResult =
  | { readonly outcome: 'reloaded' }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'failed'; readonly reason: string };

/** A new upstream means new processes, which a busy machine takes seconds to start. */
const TIMEOUT_MS = 5_000;

/** POST /reload over `folder/admin.sock`. Never throws: the version is published whether or not a node listens. */
export function pokeNode(folder: string, timeoutMs = TIMEOUT_MS): Promise<PokeResult> {
  const socketPath = path.join(folder, 'admin.sock');
  return new Promise((resolve) => {
    const request = http.request({
      socketPath,
      path: '/reload',
      method: 'POST',
      // An open connection would keep the process alive.
      agent: false,
      headers: { 'content-length': '0' },
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const finish = (result: PokeResult): void => {
      clearTimeout(timer);
      resolve(result);
    };
    request.on('response', (response) => {
      const { statusCode = 0 } = response;
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('error', () => undefined);
      response.on('close', () =>
        finish(statusCode < 300 ? { outcome: 'reloaded' } : { outcome: 'failed', reason: reasonIn(text, statusCode) }),
      );
    });
    request.on('error', (error) => {
      const gone = ['ENOENT', 'ECONNREFUSED'].includes(errorCode(error) ?? '');
      finish(gone ? { outcome: 'absent' } : { outcome: 'failed', reason: error.message });
    });
    request.end();
  });
}

/** What the node says is wrong with the new version. */
function reasonIn(text: string, status: number): string {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === 'object' && answer !== null && 'error' in answer && typeof answer.error === 'string')
      return answer.error;
  } catch {
    // Not what a node answers.
  }
  return `it answered ${status}`;
}
