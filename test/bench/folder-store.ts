/** A folder of values as a program store, in the shape that bare workerd serves as a KV namespace. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { ProgramStore } from '../../src/program/program-store.ts';

export function createFolderStore(folder: string): ProgramStore {
  const put = (key: string, value: string): Promise<void> => fs.writeFile(path.join(folder, key), value);
  return {
    get: (key) =>
      fs.readFile(path.join(folder, key), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      }),
    put,
    putMany: async (values) => {
      for (const { key, value } of values) await put(key, value);
    },
    deleteMany: async (keys) => {
      for (const key of keys) await fs.rm(path.join(folder, key), { force: true });
    },
    list: async (prefix) =>
      (await fs.readdir(folder)).filter((key) => key.startsWith(prefix)).map((key) => ({ key, writtenAt: null })),
  };
}
