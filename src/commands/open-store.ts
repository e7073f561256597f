/** `--to` → an open program store. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { localStateFolder } from '../dev/state-folder.ts';
import { UserError } from '../diagnostics/errors.ts';
import type { ProgramStore } from '../program/program-store.ts';
import {
  openKeysTarget,
  openKeysToRead as openStoredKeysToRead,
  openStoreTarget,
  type OpenTarget,
  type StoreTarget,
} from '../stores/store-target.ts';
import type { Terminal } from './command.ts';

/** @throws UserError when the store cannot be opened, for example without its credentials */
export function openStore(target: StoreTarget, terminal: Pick<Terminal, 'cwd' | 'env'>): Promise<OpenTarget> {
  return openStoreTarget(placeOf(target, terminal), {
    environment: terminal.env,
    openLocal: async () => {
      // Loaded here: miniflare takes longer to load than most commands take to run.
      const { openLocalStore } = await import('../dev/local-store.ts');
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
): Promise<OpenKeys<ProgramStore>> {
  return openKeysTarget(placeOf(target, terminal), {
    environment: terminal.env,
    openLocal: () => openLocalKeys(terminal, stateFolder),
  });
}

/**
 * The same, to look keys up; nothing is made or changed.
 *
 * @throws UserError when they cannot be reached, or the place does not exist
 */
export function openKeysToRead(
  target: StoreTarget,
  terminal: Pick<Terminal, 'cwd' | 'env'>,
): Promise<OpenKeys<Pick<ProgramStore, 'get'>>> {
  return openStoredKeysToRead(placeOf(target, terminal), {
    environment: terminal.env,
    openLocal: async () => {
      if (!existsSync(localStateFolder(terminal.cwd)))
        throw new UserError('there is no state of a development server here, hence no key');
      return openLocalKeys(terminal);
    },
  });
}

type OpenKeys<Store> = { readonly store: Store; close(): Promise<void> };

async function openLocalKeys({ cwd }: Pick<Terminal, 'cwd'>, stateFolder?: string): Promise<OpenKeys<ProgramStore>> {
  const { KEYS_BINDING, openLocalStore } = await import('../dev/local-store.ts');
  return openLocalStore(stateFolder === undefined ? localStateFolder(cwd) : resolve(cwd, stateFolder), KEYS_BINDING);
}

function placeOf(target: StoreTarget, { cwd }: Pick<Terminal, 'cwd'>): StoreTarget {
  return target.kind === 'folder' ? { ...target, path: resolve(cwd, target.path) } : target;
}
