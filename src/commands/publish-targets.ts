/** Values of `--to`, and of other options that name a store. */
import { UserError } from '../diagnostics/errors.ts';
import type { StoreTarget } from '../stores/store-target.ts';
import { EXIT_USAGE } from './command.ts';

/** `verb`: whose option it is. */
export function parsePublishTarget(
  text: string | undefined,
  verb: 'publish' | 'sync' | 'keys' = 'publish',
): StoreTarget {
  const target = text === undefined ? null : parseStoreTarget(text);
  if (target !== null) return target;
  const ask = verb === 'keys' ? 'Say where the keys lie with --to' : 'Say where to publish with --to';
  const got = text === undefined ? ask : `Unknown place --to ${text}; it must be`;
  throw new UserError(
    `${got} local (the development server), dir:PATH (a state folder) or cloudflare (Workers KV). See \`portolan help ${verb}\`.`,
    EXIT_USAGE,
  );
}

export function formatPublishTarget(target: StoreTarget): string {
  return target.kind === 'folder' ? `dir:${target.path}` : target.kind;
}

/** null: no place is written so. */
export function parseStoreTarget(text: string): StoreTarget | null {
  if (text === 'local') return { kind: 'local' };
  if (text === 'cloudflare') return { kind: 'cloudflare' };
  return text.startsWith('dir:') && text.length > 4 ? { kind: 'folder', path: text.slice(4) } : null;
}
