/** Values of `--to`. */
import { UserError } from '../diagnostics/errors.ts';
import type { StoreTarget } from '../stores/store-target.ts';
import { EXIT_USAGE } from './command.ts';

/** `verb`: whose option it is. */
export function parsePublishTarget(text: string | undefined, verb: 'publish' | 'keys' = 'publish'): StoreTarget {
  if (text === 'local') return { kind: 'local' };
  if (text === 'cloudflare') return { kind: 'cloudflare' };
  if (text?.startsWith('dir:') === true && text.length > 4) return { kind: 'folder', path: text.slice(4) };
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
