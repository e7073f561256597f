/** `portolan keys import`: users of an htpasswd file, or of a Secret that holds one as ingress-nginx has it. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import { countFindings, finding, type Finding } from '../diagnostics/finding.ts';
import { fromBase64 } from '../model/bytes.ts';
import { importUsers } from '../keys/import-users.ts';
import type { KeyStore } from '../keys/key-store.ts';
import { parseManifests } from '../resources/manifests.ts';
import { mayHoldSecret, type SecretDocument } from '../resources/secret-document.ts';
import { EXIT_ERRORS, EXIT_OK, EXIT_PARTLY, type CommandContext, type Terminal } from './command.ts';
import { findingsJson, noteFindings } from './finding-output.ts';
import { renderUsers, userJson } from './keys-output.ts';
import { STDIN } from './source-files.ts';

/** Longer texts are no htpasswd files: thousands of users of Basic authentication are a mistake. Characters. */
const MAX_TEXT = 1024 * 1024;
/** Entries of a Secret's data: as ingress-nginx reads it, and as Traefik does. */
const ENTRIES = ['auth', 'users'];

type Output = Pick<CommandContext, 'json' | 'print' | 'printJson' | 'note' | 'terminal'>;

/** Returns the exit code: 0, 3 when some lines were left out, 1 when nobody was written because of errors. */
export async function importHtpasswd(file: string, store: KeyStore, context: Output, nowMs: number): Promise<number> {
  const text = await readText(file, context.terminal);
  const found = isManifest(text) ? ofSecrets(text, file) : { texts: [text], findings: [] };
  // One text: of users in several Secrets the first counts, as within a file.
  const imported = await importUsers(store, found.texts.join('\n'), nowMs);
  const findings = [...found.findings, ...imported.findings];
  const { users } = imported;
  if (users.length === 0 && findings.length === 0) throw new UserError(`${nameOf(file)} names no user`);
  if (context.json) context.printJson({ users: users.map((user) => userJson(user, nowMs)), ...findingsJson(findings) });
  else {
    noteFindings(findings, context);
    if (users.length > 0) for (const line of renderUsers(users, nowMs)) context.print(line);
  }
  if (countFindings(findings).error === 0) return EXIT_OK;
  return users.length === 0 ? EXIT_ERRORS : EXIT_PARTLY;
}

/** Of an htpasswd file no line has both words before its first colon. */
function isManifest(text: string): boolean {
  return mayHoldSecret(text) && /(?:^|[{,])\s*["']?kind["']?\s*:\s*["']?(?:Secret|List)/m.test(text);
}

async function readText(file: string, { cwd, stdin }: Pick<Terminal, 'cwd' | 'stdin'>): Promise<string> {
  const chunks: Uint8Array[] = [];
  if (file === STDIN)
    for await (const chunk of stdin) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  else
    chunks.push(
      await readFile(resolve(cwd, file)).catch((error: unknown) => {
        throw new UserError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      }),
    );
  const text = utf8(Buffer.concat(chunks));
  if (text === null) throw new UserError(`${nameOf(file)} is not UTF-8 text`);
  if (text.length > MAX_TEXT) throw new UserError(`${nameOf(file)} is longer than 1 MiB: is it an htpasswd file?`);
  return text;
}

function ofSecrets(
  text: string,
  file: string,
): { readonly texts: readonly string[]; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const texts: string[] = [];
  const report = (found: Finding): unknown => findings.push(found);
  parseManifests([{ file, text }], report, undefined, (secret) => {
    // What cannot be read is told already.
    if (secret.data === null) return;
    const content = htpasswdOf(secret.data);
    if (content === null) report(withoutUsers(secret));
    else texts.push(content);
  });
  return { texts, findings };
}

function htpasswdOf(data: Readonly<Record<string, string>>): string | null {
  const entry = ENTRIES.find((name) => Object.hasOwn(data, name));
  const bytes = entry === undefined ? null : fromBase64((data[entry] ?? '').replaceAll(/\s/g, ''));
  return bytes === null ? null : utf8(bytes);
}

function withoutUsers({ namespace, name }: SecretDocument): Finding {
  return finding('error', 'htpasswd-missing', `The Secret ${namespace}/${name} holds no htpasswd text.`, {
    source: { kind: 'Secret', namespace, name, file: null, line: null },
    hint: 'Its data needs an entry `auth` (as ingress-nginx reads it) or `users` (as Traefik does).',
  });
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function nameOf(file: string): string {
  return file === STDIN ? 'standard input' : file;
}
