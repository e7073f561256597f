/**
 * The pepper of a state folder: what names of Secrets' keys are made with (docs/kv-layout.md). It lies
 * beside `kv/` and `keys/` and not in them, so that whoever copies those cannot try keys out.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import { errorCode } from './file-system.ts';

const PEPPER_FILE = 'key-pepper';
const PEPPER = /^[A-Za-z0-9_-]{43}$/;

/** Makes one when there is none; of several that try at once one wins. Throws UserError when it cannot be used. */
export async function readPepper(folder: string): Promise<string> {
  const file = path.join(folder, PEPPER_FILE);
  try {
    return await readOne(file);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw unusable(file, error);
  }
  const pepper = randomBytes(32).toString('base64url');
  const temporary = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    await fs.mkdir(folder, { recursive: true });
    await fs.writeFile(temporary, `${pepper}\n`, { mode: 0o600, flag: 'wx', flush: true });
    // Unlike a rename, a link does not replace what another process put there meanwhile.
    await fs.link(temporary, file);
    return pepper;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return await readOne(file);
    throw unusable(file, error);
  } finally {
    await fs.rm(temporary, { force: true });
  }
}

async function readOne(file: string): Promise<string> {
  const pepper = (await fs.readFile(file, 'utf8')).trim();
  if (PEPPER.test(pepper)) return pepper;
  throw new UserError(`${file} does not hold a pepper: restore it, or remove it and write the Secrets' keys again`);
}

function unusable(file: string, error: unknown): Error {
  if (error instanceof UserError) return error;
  return new UserError(`cannot use ${file}: ${error instanceof Error ? error.message : String(error)}`);
}
