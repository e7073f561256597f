/** Starts backend-child.ts and does to it what happens to backends. */
import { spawn } from 'node:child_process';
import * as path from 'node:path';

export type BackendProcess = {
  readonly port: number;
  readonly address: string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: the kernel still accepts connections, nobody answers. */
  freeze(): void;
  close(): Promise<void>;
};

/** `port`: 0 takes a free one. */
export async function startBackend(name: string, port = 0): Promise<BackendProcess> {
  const script = path.join(import.meta.dirname, 'backend-child.ts');
  const child = spawn(process.execPath, [script, name, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const listening = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
    child.once('exit', () => reject(new Error(`The backend ${name} ended at once.`)));
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  return {
    port: listening,
    address: `127.0.0.1:${listening}`,
    kill,
    freeze: () => child.kill('SIGSTOP'),
    close: kill,
  };
}
