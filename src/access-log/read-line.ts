/** One line of whatever format. Formats may be mixed: the line itself says which one it is. */
import type { AccessEntry, ReadOptions, Unreadable } from './entry.ts';
import { parseJsonLine } from './json-line.ts';
import { parseTextLine } from './text-line.ts';

/** null: a line without text, or a comment. Never throws. */
export function readLine(line: string, options: ReadOptions): AccessEntry | Unreadable | null {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return null;
  return text.startsWith('{') ? parseJsonLine(text, options) : parseTextLine(text, options);
}
