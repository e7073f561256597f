/**
 * The state folder of a node as `serve` lays it out: `kv/`, `keys/` and `objects/` as stores do, `run/`
 * for what lives as long as the process, `admin.sock` for whoever publishes.
 */
import * as fs from 'node:fs/promises';
import * as net from 'node:net';
import * as path from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import { makeRunFolder, runFolderOf } from '../sockets/run-folder.ts';
import { assertSocketPath, listenOnSocket } from '../sockets/unix-socket.ts';
import { keysFolderOf } from '../stores/state-folder.ts';

export type NodeFolder = {
  readonly root: string;
  readonly kv: string;
  /** API keys and users; only the owner may look into it. */
  readonly keys: string;
  readonly objects: string;
  /** Configurations, sockets and the Worker. Mode 0700: a configuration may hold a client certificate's key. */
  readonly run: string;
  readonly adminSocket: string;
  /** Lets another node use the folder. */
  release(): Promise<void>;
};

/** Throws UserError when the folder cannot be written or another node serves it. */
export async function claimNodeFolder(folder: string): Promise<NodeFolder> {
  const root = path.resolve(folder);
  const run = runFolderOf(folder);
  // The longest socket name of all, so that nothing is begun in a folder that cannot be finished.
  assertSocketPath(path.join(run, 'edge-999-999999.sock'));
  try {
    await makeRunFolder(folder);
    const probe = path.join(run, '.writable');
    await fs.writeFile(probe, '');
    await fs.rm(probe);
  } catch (error) {
    throw new UserError(
      `cannot use ${folder} as a state folder: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const lock = net.createServer((socket) => socket.destroy());
  await listenOnSocket(
    lock,
    path.join(run, 'lock.sock'),
    `another node serves ${folder}: stop it, or choose another --state`,
  );
  lock.unref();
  return {
    root,
    kv: path.join(root, 'kv'),
    keys: keysFolderOf(root),
    objects: path.join(root, 'objects'),
    run,
    adminSocket: path.join(root, 'admin.sock'),
    release: () => new Promise((resolve) => void lock.close(() => resolve())),
  };
}
