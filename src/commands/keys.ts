/** `portolan keys`: API keys, and users of Basic authentication. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import { isPassword, isUserName } from '../keys/basic-user.ts';
import { isKeyId } from '../keys/key-names.ts';
import type { KeyStore } from '../keys/key-store.ts';
import { createKey, findKey, listKeys, pruneKeys, revokeKey, rotateKey, type StoredKey } from '../keys/manage-keys.ts';
import { findUser, listUsers, putUser, revokeUser } from '../keys/manage-users.ts';
import type { StoreTarget } from '../stores/store-target.ts';
import { defineCommand, EXIT_OK, type CommandContext } from './command.ts';
import { parseDuration, parseKeysAction, parseMetadata, parseName, type KeysAction } from './keys-options.ts';
import { importHtpasswd } from './keys-import.ts';
import { createdJson, keyJson, renderKey, renderKeys, renderUsers, userJson } from './keys-output.ts';
import { openKeys } from './open-store.ts';
import { usageError } from './parse-arguments.ts';
import { parsePublishTarget } from './publish-targets.ts';
import { readPassword } from './read-password.ts';

const KEYS_OPTIONS = {
  to: { type: 'string', value: 'PLACE', help: 'local, dir:PATH or cloudflare' },
  consumer: { type: 'string', short: 'c', value: 'NAME', help: 'who will call; list: only keys of it' },
  plan: { type: 'string', value: 'NAME', help: 'plan of the consumer; default none' },
  env: { type: 'string', choices: ['live', 'test'], help: 'environment of the key; default live' },
  expires: { type: 'string', value: 'TIME', help: 'for example 90d; default never' },
  meta: { type: 'string', multiple: true, value: 'NAME=VALUE', help: 'becomes a claim of the consumer' },
  overlap: { type: 'string', value: 'TIME', help: 'how long the old key stays good; default 24h' },
  basic: { type: 'string', value: 'USER', help: 'a user with a password in place of a key' },
  password: { type: 'string', value: '-', help: 'read from standard input; also without the option' },
  htpasswd: {
    type: 'string',
    value: 'FILE',
    help: 'with import: an htpasswd file or a Secret with one; - reads stdin',
  },
  state: { type: 'string', value: 'DIR', help: 'with --to local: state of the development server' },
} as const;

const DEFAULT_OVERLAP = '24h';

type Context = CommandContext<typeof KEYS_OPTIONS>;
type Run = {
  readonly context: Context;
  readonly store: KeyStore;
  /** Positional after the action. */
  readonly id: string | undefined;
  readonly nowMs: number;
};

/** Resolves to the exit code, when it is not 0. */
type Prepared = (run: Run) => Promise<number | void>;

export const keysCommand = defineCommand({
  name: 'keys',
  summary: 'Make, list, rotate and revoke API keys and users.',
  usage: 'create|list|show ID|rotate ID|revoke ID|import --to local|dir:PATH|cloudflare [options]',
  details: `
create prints the key, rotate the new one: the only time it is seen. What is stored is its hash. cloudflare
reads CLOUDFLARE_ACCOUNT_ID, PORTOLAN_KEYS_NAMESPACE_ID and CLOUDFLARE_API_TOKEN. With --basic USER, create,
show and revoke are about a user; the password comes from standard input, never from the command line.
import takes the users of an htpasswd text over: {SHA} with a warning, bcrypt and others are refused by name.
list deletes records whose expiry is 30 days past. How soon a revoked key stops: docs/policies/api-key.md.
JSON of create and rotate: {id, key, consumer, plan, env, createdAt, expiresAt}.`,
  options: KEYS_OPTIONS,
  positionals: { min: 1, max: 2 },
  async run(context) {
    const { options, positionals, terminal } = context;
    const action = parseKeysAction(positionals[0], options);
    const target = parsePublishTarget(options.to, 'keys');
    if (options.state !== undefined && target.kind !== 'local')
      throw usageError('keys', '--state goes with --to local.');
    const prepared = prepare(action, context);
    if (action !== 'create' && action !== 'import') refuseAbsentFolder(target, terminal.cwd);
    const opened = await openKeys(target, terminal, options.state);
    try {
      const code = await prepared({ context, store: opened.store, id: positionals[1], nowMs: Date.now() });
      return typeof code === 'number' ? code : EXIT_OK;
    } finally {
      await opened.close();
    }
  },
});

/** A mistyped path must not become a folder with "no keys" in it. */
function refuseAbsentFolder(target: StoreTarget, cwd: string): void {
  if (target.kind !== 'folder' || existsSync(resolve(cwd, target.path))) return;
  throw new UserError(`there is no folder ${target.path}, hence no key`);
}

/** Everything that can be wrong with the command line is said before a store is opened. */
function prepare(action: KeysAction, { options, positionals }: Context): Prepared {
  const [, id] = positionals;
  const isAboutUser = options.basic !== undefined;
  // Never quotes the value: somebody meant it as a secret.
  if (options.password !== undefined && options.password !== '-')
    throw usageError('keys', '--password takes only `-`: a command line shows in process lists.');
  const takesId = (action === 'show' || action === 'rotate' || action === 'revoke') && !isAboutUser;
  if (!takesId && id !== undefined) throw usageError('keys', `Unexpected argument "${id}".`);
  if (takesId && id === undefined) throw usageError('keys', `\`keys ${action}\` needs the ID of a key.`);
  // Not quoted, mistyped ones neither: terminals and builds keep what is printed.
  if (id?.startsWith('pt_') === true)
    throw usageError('keys', 'That is a key, not the ID of one; `keys list` shows the IDs.');
  if (id !== undefined && !isKeyId(id))
    throw usageError('keys', `"${id}" is no ID of a key; \`keys list\` shows them.`);
  if (action === 'import') {
    const { htpasswd } = options;
    if (htpasswd === undefined) throw usageError('keys', '`keys import` needs --htpasswd FILE.');
    return ({ store, context, nowMs }) => importHtpasswd(htpasswd, store, context, nowMs);
  }
  if (isAboutUser) return prepareUser(action, options.basic);
  if (options.password !== undefined) throw usageError('keys', '--password goes with --basic USER.');
  if (action === 'create') return prepareCreate(options);
  if (action === 'rotate') {
    const overlapMs = parseDuration(options.overlap ?? DEFAULT_OVERLAP, { option: '--overlap', least: 0 });
    return (run) => rotate(run, overlapMs);
  }
  return { list, show, revoke }[action];
}

function prepareCreate(options: Context['options']): (run: Run) => Promise<void> {
  if (options.consumer === undefined) throw usageError('keys', '--consumer NAME is needed: who will call.');
  const fields = { ...commonFields(options, options.consumer), env: options.env ?? ('live' as const) };
  return async ({ store, context, nowMs }) => {
    const created = await createKey(store, fields, nowMs);
    if (context.json) return context.printJson(createdJson(created));
    context.print(created.key);
    context.note(`${renderKey(created.record, nowMs)}\nThe key is not stored and cannot be shown again.`);
  };
}

function commonFields({ plan, expires, meta = [] }: Context['options'], consumer: string) {
  return {
    consumer: parseName(consumer, '--consumer'),
    plan: plan === undefined ? null : parseName(plan, '--plan'),
    metadata: parseMetadata(meta),
    lifetimeMs: expires === undefined ? null : parseDuration(expires, { option: '--expires', least: 1_000 }),
  };
}

async function list({ store, context, nowMs }: Run): Promise<void> {
  const { consumer } = context.options;
  const { keys, unreadable } = await listKeys(store);
  const users = await listUsers(store);
  const { kept, pruned } = await pruneKeys(store, keys, nowMs);
  const records = kept
    .map(({ record }) => record)
    .filter((record) => (consumer ?? record.consumer) === record.consumer);
  const shown = users.filter((user) => (consumer ?? user.consumer) === user.consumer);
  if (unreadable.length > 0)
    context.note(`${unreadable.length} values are no records of this version: ${unreadable[0]}`);
  if (context.json)
    return context.printJson({
      keys: records.map((record) => keyJson(record, nowMs)),
      users: shown.map((user) => userJson(user, nowMs)),
      unreadable,
      pruned,
    });
  for (const line of renderKeys(records, nowMs)) context.print(line);
  if (shown.length > 0) for (const line of ['', ...renderUsers(shown, nowMs)]) context.print(line);
}

async function show(run: Run): Promise<void> {
  const { record } = await required(run);
  const { context, nowMs } = run;
  if (context.json) return context.printJson(keyJson(record, nowMs));
  context.print(renderKey(record, nowMs));
}

async function revoke(run: Run): Promise<void> {
  const { store, context, nowMs } = run;
  const record = await revokeKey(store, await required(run), nowMs);
  if (context.json) return context.printJson(keyJson(record, nowMs));
  context.print(renderKey(record, nowMs));
}

async function rotate(run: Run, overlapMs: number): Promise<void> {
  const { store, context, nowMs } = run;
  const stored = await required(run);
  const { id, revokedAt, expiresAt } = stored.record;
  if (revokedAt !== null) throw new UserError(`the key ${id} is revoked; make a new one with \`portolan keys create\``);
  if (expiresAt !== null && Date.parse(expiresAt) <= nowMs)
    throw new UserError(`the key ${id} has expired; make a new one with \`portolan keys create\``);
  const { created, old } = await rotateKey(store, stored, overlapMs, nowMs);
  if (context.json) return context.printJson(createdJson(created));
  context.print(created.key);
  context.note(`${renderKey(created.record, nowMs)}\n\nThe old key:\n${renderKey(old, nowMs)}`);
}

async function required({ store, id = '' }: Run): Promise<StoredKey> {
  const stored = await findKey(store, id);
  if (stored === null) throw new UserError(`there is no key ${id} here; \`portolan keys list\` shows them`);
  return stored;
}

function prepareUser(action: KeysAction, name = ''): (run: Run) => Promise<void> {
  const user = name.normalize('NFC');
  if (!isUserName(user))
    throw usageError('keys', 'A user name is 1 to 256 characters, without a colon and control characters.');
  if (action === 'create') return (run) => createUser(run, user);
  return async ({ store, context, nowMs }) => {
    const found = await findUser(store, user);
    if (found === null) throw new UserError(`there is no user ${user} here; \`portolan keys list\` shows them`);
    const shown = action === 'revoke' ? await revokeUser(store, found, nowMs) : found;
    if (context.json) return context.printJson(userJson(shown, nowMs));
    for (const line of renderUsers([shown], nowMs)) context.print(line);
  };
}

async function createUser({ store, context, nowMs }: Run, user: string): Promise<void> {
  const { options, terminal } = context;
  if (options.env !== undefined) throw usageError('keys', '--env goes with keys: users have no environment.');
  const { consumer, plan, metadata, lifetimeMs } = commonFields(options, options.consumer ?? user);
  const password = await readPassword(terminal, user);
  if (!isPassword(password)) throw new UserError('a password is 1 to 1024 characters without control characters');
  const createdAt = new Date(nowMs).toISOString();
  const expiresAt = lifetimeMs === null ? null : new Date(nowMs + lifetimeMs).toISOString();
  const created = await putUser(store, { user, consumer, plan, createdAt, expiresAt, metadata }, password);
  if (context.json) return context.printJson(userJson(created, nowMs));
  for (const line of renderUsers([created], nowMs)) context.print(line);
}
