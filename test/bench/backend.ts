/** The backend of the bench as a process of its own, so that it takes no time of the load generator. */
import { spawn } from 'node:child_process';
import * as path from 'node:path';

/** What it answers to everything, with status 200. */
export const BACKEND_BODY = '{"ok":true}';

export type Backend = { readonly address: string; close(): void };

export async function startBackend(): Promise<Backend> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'light-backend.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', () => reject(new Error('The backend of the bench ended at once.')));
  });
  return { address: `127.0.0.1:${port}`, close: () => void child.kill() };
}
