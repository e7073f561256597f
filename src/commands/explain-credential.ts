/** What a person lets `explain` know of a caller: a credential, the keys that may have signed it, the time. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import type { ExplainKnowledge } from '../explain/offline-runtime.ts';
import type { ProbeRequest } from '../explain/probe-request.ts';
import type { OptionValues, Terminal } from './command.ts';
import { usageError } from './parse-arguments.ts';

export const CREDENTIAL_OPTIONS = {
  token: { type: 'string', value: 'TOKEN', help: 'bearer token to decide with; -: from standard input' },
  key: { type: 'string', value: 'KEY', help: 'API key to decide with; -: from standard input' },
  jwks: { type: 'string', value: 'FILE', help: 'key set (JSON) that stands for every one the routes name' },
  online: { type: 'boolean', help: 'ask identity providers and external authorisation services' },
  at: { type: 'string', value: 'TIME', help: 'judge expiry as of this ISO time; default now' },
} as const;

type CredentialValues = OptionValues<typeof CREDENTIAL_OPTIONS>;

export type Credential = { readonly header: readonly [name: string, value: string]; readonly text: string };

/** null: none was given. Throws a usage error for two at once and for an empty one. */
export async function readCredential(
  { token, key }: CredentialValues,
  { stdin }: Pick<Terminal, 'stdin'>,
): Promise<Credential | null> {
  if (token !== undefined && key !== undefined) throw usageError('explain', 'Give --token or --key, not both.');
  const written = token ?? key;
  if (written === undefined) return null;
  const text = (written === '-' ? await readAll(stdin) : written).trim();
  if (text === '') throw usageError('explain', 'The credential is empty.');
  return { text, header: token === undefined ? ['x-api-key', text] : ['authorization', `Bearer ${text}`] };
}

/** Throws UserError when the key set cannot be read. */
export async function readKnowledge(
  { jwks, online, at }: CredentialValues,
  { cwd }: Pick<Terminal, 'cwd'>,
): Promise<ExplainKnowledge> {
  const nowMs = at === undefined ? Date.now() : Date.parse(at);
  if (Number.isNaN(nowMs))
    throw usageError('explain', `--at takes an ISO time such as 2030-01-31T12:00:00Z; got "${at}".`);
  const time = { now: () => nowMs };
  if (jwks !== undefined) return { ...time, ask: answering(await readKeySet(resolve(cwd, jwks), jwks)) };
  if (online !== true) return time;
  return {
    ...time,
    ask: ({ origin }, path, init) => fetch(`${origin}${path}`, { ...init, redirect: 'manual' }),
    askPublic: (url, init) => fetch(url, { ...init, redirect: 'manual' }),
  };
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

const DISCOVERY = '/.well-known/openid-configuration';

/** The set stands for whatever a route would fetch; a discovery document leads to it. */
function answering(keySet: string): NonNullable<ExplainKnowledge['ask']> {
  return ({ origin }, path) => {
    const headers = { 'content-type': 'application/json' };
    if (!path.endsWith(DISCOVERY)) return Promise.resolve(new Response(keySet, { headers }));
    const issuer = origin + path.slice(0, -DISCOVERY.length);
    return Promise.resolve(Response.json({ issuer, jwks_uri: `${origin}/jwks` }, { headers }));
  };
}

/** The request that shows the credential, in place of what it says itself under that name. */
export function withCredential(request: ProbeRequest, credential: Credential | null): ProbeRequest {
  if (credential === null) return request;
  const [name] = credential.header;
  const others = request.headers.filter(([other]) => other.toLowerCase() !== name);
  return { ...request, headers: [...others, credential.header] };
}

/** Text (also of JSON) without the credential, wherever in it that got to. */
export function redacted(text: string, credential: Credential | null): string {
  if (credential === null) return text;
  const inJson = JSON.stringify(credential.text).slice(1, -1);
  return text.replaceAll(credential.text, '[credential]').replaceAll(inJson, '[credential]');
}

async function readAll(stdin: Terminal['stdin']): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
  return Buffer.concat(chunks).toString('utf8');
}
