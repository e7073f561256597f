/** `run/` of a state folder: what lives as long as the gateway that uses the folder. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

/** Absolute. */
export function runFolderOf(folder: string): string {
  return path.resolve(folder, 'run');
}

/** Makes it, if it is missing, and closes it to everybody but this user. */
export async function makeRunFolder(folder: string): Promise<string> {
  const run = runFolderOf(folder);
  await fs.mkdir(run, { recursive: true, mode: 0o700 });
  await fs.chmod(run, 0o700);
  return run;
}
