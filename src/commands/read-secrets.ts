/** Secrets that policies name, from the environment: a command line shows in process lists. */
import { UserError } from '../diagnostics/errors.ts';
import type { Terminal } from './command.ts';

const PREFIX = 'PORTOLAN_SECRET_';

/** By name without the prefix; empty ones count as not set. Throws UserError for a name that no configuration can write. */
export function readSecrets(env: Terminal['env']): Readonly<Record<string, string>> {
  const secrets: Record<string, string> = {};
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || value === undefined || value === '') continue;
    const name = variable.slice(PREFIX.length);
    // Never quotes the value: it is a secret.
    if (!/^[A-Z][A-Z0-9_]*$/.test(name))
      throw new UserError(`${variable} is no name of a secret: capitals, digits and _, and a capital first.`);
    secrets[name] = value;
  }
  return secrets;
}
