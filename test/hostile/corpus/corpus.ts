/** All inputs that are written by hand. */
import { FRAMING } from './framing.ts';
import { HEADERS } from './headers.ts';
import { HOSTS } from './hosts.ts';
import type { HostileInput } from './input.ts';
import { PATHS } from './paths.ts';
import { SWITCHES } from './switches.ts';

export const CORPUS: readonly HostileInput[] = [...PATHS, ...HOSTS, ...HEADERS, ...FRAMING, ...SWITCHES];

/** Rows without an input of their own: nothing that a client can send to workerd's own socket asks the question. */
export const PLATFORM_ROWS: Readonly<Record<number, string>> = {
  70: 'HTTP/2 floods (rapid reset, CONTINUATION): workerd speaks HTTP/1.1 only',
};

export const ROWS = 70;
