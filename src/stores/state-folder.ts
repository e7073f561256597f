/**
 * A folder as a store: `portolan publish --to dir:PATH`, `portolan keys --to dir:PATH`.
 *
 * `PATH/kv/<key>` holds the program, `PATH/keys/<name>` API keys and users, `PATH/objects/` the Durable
 * Objects of whoever serves the folder. Bare workerd binds `kv/` and `keys/` as KV namespaces, so a
 * value must appear whole or not at all: it is written beside its place, flushed to disk and renamed.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import { isKeyName } from '../keys/key-names.ts';
import { isProgramKey } from '../program/keys.ts';
import type { ProgramStore, StoredValue } from '../program/program-store.ts';
import { errorCode, eachLimited } from './file-system.ts';

/** Dot files are not served by workerd and not listed here. */
const TEMPORARY = '.writing-';
/** A writer that has not renamed after this long is dead. */
const ABANDONED_MS = 3_600_000;
/** Enough to keep a disk busy. */
const PARALLEL = 16;

/** Creates what is missing. Throws UserError when the folder cannot be used. */
export async function openStateFolder(folder: string): Promise<ProgramStore> {
  const kv = path.join(folder, 'kv');
  try {
    await fs.mkdir(kv, { recursive: true });
    await fs.mkdir(path.join(folder, 'objects'), { recursive: true });
    await removeAbandoned(kv);
  } catch (error) {
    throw new UserError(`cannot use ${folder} as a state folder: ${messageOf(error)}`);
  }
  return new FolderStore({ folder: kv, isKey: isProgramKey, fileMode: 0o644 });
}

/** API keys and users of a node. For its owner only: a record is not a key, but says who has one. Throws UserError. */
export async function openKeysFolder(folder: string): Promise<ProgramStore> {
  const keys = keysFolderOf(folder);
  try {
    await fs.mkdir(keys, { recursive: true, mode: 0o700 });
    await fs.chmod(keys, 0o700);
    await removeAbandoned(keys);
  } catch (error) {
    throw new UserError(`cannot use ${folder} as a state folder: ${messageOf(error)}`);
  }
  return new FolderStore({ folder: keys, isKey: isKeyName, fileMode: 0o600 });
}

/** The same, as it is: nothing is made, changed or tidied. Throws UserError when there is none. */
export async function readKeysFolder(folder: string): Promise<Pick<ProgramStore, 'get'>> {
  const keys = keysFolderOf(folder);
  try {
    await fs.access(keys, fs.constants.R_OK | fs.constants.X_OK);
  } catch (error) {
    throw new UserError(`no keys can be read in ${folder}: ${messageOf(error)}`);
  }
  return new FolderStore({ folder: keys, isKey: isKeyName, fileMode: 0o600 });
}

export function keysFolderOf(folder: string): string {
  return path.join(folder, 'keys');
}

type FolderStoreOptions = {
  readonly folder: string;
  readonly isKey: (text: string) => boolean;
  readonly fileMode: number;
};

class FolderStore implements ProgramStore {
  readonly #folder: string;
  readonly #isKey: (text: string) => boolean;
  readonly #fileMode: number;

  constructor({ folder, isKey, fileMode }: FolderStoreOptions) {
    this.#folder = folder;
    this.#isKey = isKey;
    this.#fileMode = fileMode;
  }

  async get(key: string): Promise<string | null> {
    return readIfPresent(this.#fileOf(key));
  }

  async list(prefix: string): Promise<readonly { readonly key: string; readonly writtenAt: string | null }[]> {
    const keys = (await fs.readdir(this.#folder)).filter((key) => key.startsWith(prefix) && this.#isKey(key));
    const listed = await eachLimited(keys, PARALLEL, async (key) => {
      const modified = await modifiedAt(this.#fileOf(key));
      return modified === null ? [] : [{ key, writtenAt: modified.toISOString() }];
    });
    return listed.flat();
  }

  async put(key: string, value: string): Promise<void> {
    await this.putMany([{ key, value }]);
  }

  async putMany(values: readonly StoredValue[]): Promise<void> {
    await eachLimited(values, PARALLEL, ({ key, value }) => this.#write(this.#fileOf(key), value));
    await flushFolder(this.#folder);
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    await eachLimited(keys, PARALLEL, (key) => fs.rm(this.#fileOf(key), { force: true }));
  }

  #fileOf(key: string): string {
    // A key is a file name: anything else than the names of the layout could leave the folder.
    if (!this.#isKey(key)) throw new TypeError(`${JSON.stringify(key)} is not a key of the store`);
    return path.join(this.#folder, key);
  }

  async #write(file: string, value: string): Promise<void> {
    const temporary = path.join(this.#folder, `${TEMPORARY}${randomUUID()}`);
    try {
      const handle = await fs.open(temporary, 'wx', this.#fileMode);
      try {
        await handle.writeFile(value, 'utf8');
        await handle.sync();
      } finally {
        await handle.close();
      }
      await fs.rename(temporary, file);
    } catch (error) {
      await fs.rm(temporary, { force: true });
      throw new UserError(`cannot write ${file}: ${messageOf(error)}`);
    }
  }
}

async function readIfPresent(file: string): Promise<string | null> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw new UserError(`cannot read ${file}: ${messageOf(error)}`);
  }
}

/** null when the file went away meanwhile. */
async function modifiedAt(file: string): Promise<Date | null> {
  try {
    return (await fs.stat(file)).mtime;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Makes renames survive a power cut. Not every file system can; then the order of writes is all there is. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function removeAbandoned(kv: string): Promise<void> {
  const names = (await fs.readdir(kv)).filter((name) => name.startsWith(TEMPORARY));
  for (const name of names) {
    const file = path.join(kv, name);
    const modified = await modifiedAt(file);
    if (modified !== null && modified.getTime() < Date.now() - ABANDONED_MS) await fs.rm(file, { force: true });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
