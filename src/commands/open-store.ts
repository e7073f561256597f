/** `--to` → an open program store. */
import type { ProgramStore } from '../program/publish.ts';
import type { Terminal } from './command.ts';
import type { PublishTarget } from './publish-targets.ts';

export type OpenStore = {
  readonly store: ProgramStore;
  /** Tells whoever serves from this store that the version changed; a gateway that does not run is no error. */
  readonly announce: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** @throws UserError when the store cannot be opened, for example without its credentials */
export async function openStore(target: PublishTarget, terminal: Pick<Terminal, 'cwd' | 'env'>): Promise<OpenStore> {
  if (target.kind === 'local') return openLocal(terminal.cwd);
  throw new Error(`no store for ${target.kind}`);
}

async function openLocal(cwd: string): Promise<OpenStore> {
  // Loaded here: miniflare takes longer to load than most commands take to run.
  const { localStateFolder, openLocalStore } = await import('../dev/local-store.ts');
  const local = await openLocalStore(localStateFolder(cwd));
  // The development server looks at the pointer every second.
  return { store: local.store, announce: () => Promise.resolve(), close: () => local.close() };
}
