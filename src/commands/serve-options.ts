/** Options of `serve` that are more than a text. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { AdminAddress } from '../serve/admin-server.ts';
import { usageError } from './parse-arguments.ts';

const MOST_PROCESSES = 256;
const LONGEST_DRAIN_SECONDS = 3600;

/** null: the default, `admin.sock` of the state folder. */
export function parseAdmin(text: string | undefined, cwd: string): AdminAddress | null {
  if (text === undefined) return null;
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (path !== '') return { kind: 'unix', path: resolve(cwd, path) };
  }
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  const host = match?.groups?.['v6'] ?? match?.groups?.['name'];
  if (host !== undefined && port <= 65_535) return { kind: 'tcp', host, port };
  throw usageError('serve', `--admin must be HOST:PORT or unix:PATH; got "${text}".`);
}

export function parseProcesses(text: string | undefined): number {
  if (text === undefined) return availableParallelism();
  return wholeNumber(text, { option: '--processes', least: 1, most: MOST_PROCESSES });
}

/** Milliseconds. */
export function parseDrain(text: string | undefined): number {
  if (text === undefined) return 30_000;
  return wholeNumber(text, { option: '--drain-seconds', least: 0, most: LONGEST_DRAIN_SECONDS }) * 1000;
}

type Bounds = { readonly option: string; readonly least: number; readonly most: number };

function wholeNumber(text: string, { option, least, most }: Bounds): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw usageError('serve', `${option} must be a whole number from ${least} to ${most}; got "${text}".`);
}
