/** Tells a node that serves a state folder that there is a new version, so that it need not wait for its next look. */
import * as path from 'node:path';
import { askSocket, type SocketAnswer } from '../sockets/unix-socket.ts';
import { errorCode } from './file-system.ts';

/** `absent`: nothing serves this folder now, which is fine. `failed`: something answers, but not as it should. */
export type PokeResult =
  | { readonly outcome: 'reloaded' }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'failed'; readonly reason: string };

/** A new upstream means new processes, which a busy machine takes seconds to start. */
const TIMEOUT_MS = 5_000;

/** POST /reload over `folder/admin.sock`. Never throws: the version is published whether or not a node listens. */
export async function pokeNode(folder: string, timeoutMs = TIMEOUT_MS): Promise<PokeResult> {
  const socket = path.join(folder, 'admin.sock');
  try {
    const answer = await askSocket(socket, { method: 'POST', path: '/reload' }, timeoutMs);
    return answer.status < 300 ? { outcome: 'reloaded' } : { outcome: 'failed', reason: reasonIn(answer) };
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED'].includes(errorCode(error) ?? '')) return { outcome: 'absent' };
    return { outcome: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** What the node says is wrong with the new version. */
function reasonIn({ status, body }: SocketAnswer): string {
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer === 'object' && answer !== null && 'error' in answer && typeof answer.error === 'string')
      return answer.error;
  } catch {
    // Not what a node answers.
  }
  return `it answered ${status}`;
}
