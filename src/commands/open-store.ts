/** `--to` → an open program store. */
import { resolve } from 'node:path';
import type { ProgramStore } from '../program/program-store.ts';
import { openKeysTarget, openStoreTarget, type OpenTarget, type StoreTarget } from '../stores/store-target.ts';
import type { Terminal } from './command.ts';

/** @throws UserError when the store cannot be opened, for example without its credentials */
export function openStore(target: StoreTarget, terminal: Pick<Terminal, 'cwd' | 'env'>): Promise<OpenTarget> {
  return openStoreTarget(placeOf(target, terminal), {
    environment: terminal.env,
    openLocal: async () => {
      // Loaded here: miniflare takes longer to load than most commands take to run.
      const { localStateFolder, openLocalStore } = await import('../dev/local-store.ts');
      return openLocalStore(localStateFolder(terminal.cwd));
    },
  });
}

/**
 * API keys and users of the place.
 *
 * @param stateFolder of the development server; default where it keeps its state
 * @throws UserError when they cannot be reached
 */
export function openKeys(
  target: StoreTarget,
  terminal: Pick<Terminal, 'cwd' | 'env'>,
  stateFolder?: string,
): Promise<{ readonly store: ProgramStore; close(): Promise<void> }> {
  return openKeysTarget(placeOf(target, terminal), {
    environment: terminal.env,
    openLocal: async () => {
      const { KEYS_BINDING, localStateFolder, openLocalStore } = await import('../dev/local-store.ts');
      const folder = stateFolder === undefined ? localStateFolder(terminal.cwd) : resolve(terminal.cwd, stateFolder);
      return openLocalStore(folder, KEYS_BINDING);
    },
  });
}

function placeOf(target: StoreTarget, { cwd }: Pick<Terminal, 'cwd'>): StoreTarget {
  return target.kind === 'folder' ? { ...target, path: resolve(cwd, target.path) } : target;
}
