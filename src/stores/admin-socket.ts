/** Tells a node that serves a state folder that there is a new version, so that it need not wait for its next look. */
import * as path from 'node:path';
import { askSocket, textIn } from '../sockets/unix-socket.ts';
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
    if (answer.status < 300) return { outcome: 'reloaded' };
    // What the node says is wrong with the new version.
    return { outcome: 'failed', reason: textIn(answer, 'error') ?? `it answered ${answer.status}` };
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED'].includes(errorCode(error) ?? '')) return { outcome: 'absent' };
    return { outcome: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}
