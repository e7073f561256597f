/** What a person lets `explain` know of a caller: a credential, the keys that may vouch for it, the time. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import type { ExplainKnowledge } from '../explain/offline-runtime.ts';
import type { ProbeRequest } from '../explain/probe-request.ts';
import type { RouteProgram } from '../program/route-program.ts';
import type { StoreTarget } from '../stores/store-target.ts';
import { askOnline } from './ask-online.ts';
import type { OptionValues, Terminal } from './command.ts';
import { openKeysToRead } from './open-store.ts';
import { usageError } from './parse-arguments.ts';
import { parseStoreTarget } from './publish-targets.ts';
import { STDIN } from './source-files.ts';

export const CREDENTIAL_OPTIONS = {
  token: { type: 'string', value: 'TOKEN', help: 'bearer token to decide with; -: from standard input' },
  key: { type: 'string', value: 'KEY', help: 'API key to decide with; -: from standard input' },
  jwks: { type: 'string', value: 'FILE', help: 'key set (JSON) that stands for every one the routes name' },
  keys: {
    type: 'string',
    value: 'PLACE',
    help: 'look API keys up in local, dir:PATH or cloudflare; nothing is changed',
  },
  online: { type: 'boolean', help: 'ask identity providers and external authorisation services' },
  at: { type: 'string', value: 'TIME', help: 'judge expiry as of this ISO time; default now' },
} as const;

type CredentialValues = OptionValues<typeof CREDENTIAL_OPTIONS>;

export type Credential = { readonly header: readonly [name: string, value: string]; readonly text: string };

/** null: none was given. Throws a usage error for two at once and for an empty one. */
export async function readCredential(
  { token, key, file }: CredentialValues & { readonly file?: readonly string[] },
  { stdin }: Pick<Terminal, 'stdin'>,
): Promise<Credential | null> {
  if (token !== undefined && key !== undefined) throw usageError('explain', 'Give --token or --key, not both.');
  const written = token ?? key;
  if (written === undefined) return null;
  if (written === '-' && file?.includes(STDIN) === true)
    throw usageError('explain', 'Standard input is either the credential or the manifests (-f -).');
  const text = (written === '-' ? await readAll(stdin) : written).trim();
  if (text === '') throw usageError('explain', 'The credential is empty.');
  return { text, header: token === undefined ? ['x-api-key', text] : ['authorization', `Bearer ${text}`] };
}

export type OpenKnowledge = { readonly knowledge: ExplainKnowledge; readonly close: () => Promise<void> };

/** Throws UserError when the key set cannot be read, or the keys cannot be opened. */
export async function openKnowledge(
  { jwks, keys, online, at }: CredentialValues,
  { upstreams }: Pick<RouteProgram, 'upstreams'>,
  terminal: Pick<Terminal, 'cwd' | 'env'>,
): Promise<OpenKnowledge> {
  const nowMs = at === undefined ? Date.now() : Date.parse(at);
  if (Number.isNaN(nowMs))
    throw usageError('explain', `--at takes an ISO time such as 2030-01-31T12:00:00Z; got "${at}".`);
  const place = keys === undefined ? null : parseKeysPlace(keys);
  const keySet = jwks === undefined ? null : await readKeySet(resolve(terminal.cwd, jwks), jwks);
  const opened = place === null ? null : await openKeysToRead(place, terminal);
  const knowledge = {
    now: () => nowMs,
    ...(keySet !== null && { keySet }),
    ...(opened !== null && { keys: { get: (name: string) => opened.store.get(name) } }),
    ...(online === true && { ask: askOnline(upstreams), askPublic }),
  };
  return { knowledge, close: async () => opened?.close() };
}

function askPublic(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, { ...init, redirect: 'manual' });
}

function parseKeysPlace(text: string): StoreTarget {
  const place = parseStoreTarget(text);
  if (place !== null) return place;
  throw usageError('explain', `--keys must be local, dir:PATH or cloudflare; got "${text}".`);
}

async function readKeySet(file: string, shown: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UserError(
      `The key set ${shown} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys)) return text;
  } catch {
    // Said below.
  }
  throw new UserError(`${shown} is no key set: it must be a JSON object with a list \`keys\`.`);
}

/** The request that shows the credential, in place of what it says itself under that name. */
export function withCredential(request: ProbeRequest, credential: Credential | null): ProbeRequest {
  if (credential === null) return request;
  const [name] = credential.header;
  const others = request.headers.filter(([other]) => other.toLowerCase() !== name);
  return { ...request, headers: [...others, credential.header] };
}

/** Text without the credential, wherever in it that got to; of a token also without its signature, which is all that is secret of it. */
export function redacted(text: string, credential: Credential | null): string {
  if (credential === null) return text;
  const whole = text.replaceAll(credential.text, REDACTED);
  const signature = /^[^.]*\.[^.]*\.([^.]{16,})$/.exec(credential.text)?.[1];
  return signature === undefined ? whole : whole.replaceAll(signature, REDACTED);
}

/** JSON with every text in it redacted. Names of members are the program's own. */
export function redactedJson(value: unknown, credential: Credential | null): unknown {
  if (credential === null) return value;
  const redact = (_name: string, each: unknown): unknown =>
    typeof each === 'string' ? redacted(each, credential) : each;
  return JSON.parse(JSON.stringify(value, redact));
}

const REDACTED = '[credential]';

async function readAll(stdin: Terminal['stdin']): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
  return Buffer.concat(chunks).toString('utf8');
}
