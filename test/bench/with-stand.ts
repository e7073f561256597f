/** What benches of gateways stand on; all of it is gone afterwards, whatever happens. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { startBackend } from './backend.ts';
import { startWorkerd, type WorkerdOptions, type WorkerdProcess } from './workerd-process.ts';

export type Stand = {
  readonly folder: string;
  /** Address of the backend. */
  readonly backend: string;
  readonly start: (options: WorkerdOptions) => Promise<WorkerdProcess>;
};

export async function withStand<T>(work: (stand: Stand) => Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-bench-'));
  const backend = await startBackend();
  const started: WorkerdProcess[] = [];
  const start = async (options: WorkerdOptions): Promise<WorkerdProcess> => {
    const process = await startWorkerd(options);
    started.push(process);
    return process;
  };
  try {
    return await work({ folder, backend: backend.address, start });
  } finally {
    for (const process of started) await process.close();
    backend.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
