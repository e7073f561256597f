/** Where `portolan publish` and `portolan keys` write to: from the place a person named to an open store. */
import type { ProgramStore } from '../program/program-store.ts';
import { pokeNode, type PokeResult } from './admin-socket.ts';
import { cloudflareFromEnvironment, type Environment } from './cloudflare-environment.ts';
import { createCloudflareKvStore } from './cloudflare-kv.ts';
import { openKeysFolder, openStateFolder, readKeysFolder } from './state-folder.ts';

export type StoreTarget =
  /** KV of the development server. */
  { readonly kind: 'local' } | { readonly kind: 'folder'; readonly path: string } | { readonly kind: 'cloudflare' };

export type OpenTarget = {
  readonly store: ProgramStore;
  /** Call when something was published: tells a node that serves the store. null when there is none to tell. */
  announce(): Promise<PokeResult | null>;
  close(): Promise<void>;
};

export type OpenTargetOptions = {
  readonly environment: Environment;
  /** Opens the development server's KV; given by the caller, because only `dev` knows how it is kept. */
  readonly openLocal: () => Promise<{ readonly store: ProgramStore; close(): Promise<void> }>;
};

/** Throws UserError when the place cannot be used. */
export async function openStoreTarget(target: StoreTarget, options: OpenTargetOptions): Promise<OpenTarget> {
  if (target.kind === 'local') {
    const local = await options.openLocal();
    return { store: local.store, announce: tellNobody, close: () => local.close() };
  }
  if (target.kind === 'cloudflare') {
    const store = createCloudflareKvStore(cloudflareFromEnvironment(options.environment));
    return { store, announce: tellNobody, close: async () => undefined };
  }
  const store = await openStateFolder(target.path);
  return { store, announce: () => pokeNode(target.path), close: async () => undefined };
}

/** API keys and users of the place. Nobody is told of a change: keys are read when they are shown. Throws UserError. */
export async function openKeysTarget(
  target: StoreTarget,
  options: OpenTargetOptions,
): Promise<{ readonly store: ProgramStore; close(): Promise<void> }> {
  if (target.kind === 'local') return options.openLocal();
  const store =
    target.kind === 'folder'
      ? await openKeysFolder(target.path)
      : createCloudflareKvStore(cloudflareFromEnvironment(options.environment, 'PORTOLAN_KEYS_NAMESPACE_ID'));
  return { store, close: async () => undefined };
}

/** The same, to look keys up: a folder is left as it is. Throws UserError, also when there is no such folder. */
export async function openKeysToRead(
  target: StoreTarget,
  options: OpenTargetOptions,
): Promise<{ readonly store: Pick<ProgramStore, 'get'>; close(): Promise<void> }> {
  if (target.kind !== 'folder') return openKeysTarget(target, options);
  return { store: await readKeysFolder(target.path), close: async () => undefined };
}

async function tellNobody(): Promise<null> {
  return null;
}
