/** Options of `keys` that are more than a text, and which of them each action takes. */
import type { Json } from '../model/route-model.ts';
import { isMetadata, isName, type RecordObject } from '../keys/record-fields.ts';
import { usageError } from './parse-arguments.ts';

export const KEYS_ACTIONS = ['create', 'list', 'show', 'rotate', 'revoke', 'import'] as const;
export type KeysAction = (typeof KEYS_ACTIONS)[number];

/** Besides --to, --state and --json, which every action takes. */
const ACTION_OPTIONS: Readonly<Record<KeysAction, readonly string[]>> = {
  create: ['consumer', 'plan', 'env', 'expires', 'meta', 'basic', 'password'],
  list: ['consumer'],
  show: ['basic'],
  rotate: ['overlap'],
  revoke: ['basic'],
  import: ['htpasswd'],
};
const EVERYWHERE: readonly string[] = ['to', 'state', 'json'];

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** 100 years: later times say the same as none. */
const LONGEST_MS = 36_525 * 86_400_000;

/** Usage errors for an action that does not exist, or an option that it does not take. */
export function parseKeysAction(text: string | undefined, options: Readonly<Record<string, unknown>>): KeysAction {
  const action = KEYS_ACTIONS.find((name) => name === text);
  if (action === undefined)
    throw usageError('keys', `Say what to do: ${KEYS_ACTIONS.join(', ')}; got "${text ?? ''}".`);
  const foreign = Object.keys(options).find(
    (name) => ![...EVERYWHERE, ...ACTION_OPTIONS[action]].includes(name) && options[name] !== undefined,
  );
  if (foreign !== undefined) throw usageError('keys', `\`keys ${action}\` takes no --${foreign}.`);
  return action;
}

/** `90d`, `24h`, `30m`, `10s` → milliseconds. */
export function parseDuration(text: string, { option, least }: { option: string; least: number }): number {
  const [, digits, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = digits === undefined ? Number.NaN : Number(digits) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms >= least && ms <= LONGEST_MS) return ms;
  throw usageError('keys', `${option} must be a number with s, m, h or d, for example 90d; got "${text}".`);
}

export function parseName(text: string, option: string): string {
  if (isName(text)) return text;
  throw usageError('keys', `${option} must be 1 to 256 characters without control characters.`);
}

/**
 * `k=v` pairs. Of a key that is given several times the values are a list; `scopes` is always one,
 * its values parted at spaces as in OAuth.
 */
export function parseMetadata(pairs: readonly string[]): RecordObject {
  const values = new Map<string, string[]>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, equals));
    if (!/^[A-Za-z0-9_.-]{1,64}$/.test(name) || name === '__proto__')
      throw usageError('keys', `--meta must be NAME=VALUE, the name of A-Z a-z 0-9 _ . -; got "${pair}".`);
    values.set(name, [...(values.get(name) ?? []), pair.slice(equals + 1)]);
  }
  const metadata = Object.fromEntries([...values].map(([name, list]) => [name, valueOf(name, list)]));
  if (isMetadata(metadata)) return metadata;
  throw usageError('keys', 'The metadata is longer than 4096 characters.');
}

function valueOf(name: string, values: readonly string[]): Json {
  if (name === 'scopes') return values.flatMap((value) => value.split(' ').filter((scope) => scope !== ''));
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : values;
}
