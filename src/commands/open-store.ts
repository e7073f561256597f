/** `--to` → an open program store. */
import { resolve } from 'node:path';
import { openStoreTarget, type OpenTarget, type StoreTarget } from '../stores/store-target.ts';
import type { Terminal } from './command.ts';

/** @throws UserError when the store cannot be opened, for example without its credentials */
export function openStore(target: StoreTarget, terminal: Pick<Terminal, 'cwd' | 'env'>): Promise<OpenTarget> {
  const place = target.kind === 'folder' ? { ...target, path: resolve(terminal.cwd, target.path) } : target;
  return openStoreTarget(place, {
    environment: terminal.env,
    openLocal: async () => {
      // Loaded here: miniflare takes longer to load than most commands take to run.
      const { localStateFolder, openLocalStore } = await import('../dev/local-store.ts');
      return openLocalStore(localStateFolder(terminal.cwd));
    },
  });
}
