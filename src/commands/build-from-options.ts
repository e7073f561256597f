/** The options of INPUT_OPTIONS → a build. */
import { buildProgram, type BuildOptions, type BuildResult } from '../compile/build-program.ts';
import type { Terminal } from './command.ts';
import type { InputOptions } from './input-options.ts';
import { withDocuments } from './secret-keys.ts';
import { loadInput } from './sources.ts';

/** What the options say about the build; `dev` adds its own. Absent options leave the word to routes.config.ts. */
export function buildOptions(options: InputOptions): Omit<BuildOptions, 'previous' | 'now'> {
  const id = options['ambassador-id'];
  const namespace = options['ambassador-namespace'];
  return {
    target: options.target ?? 'self-hosted',
    unresolved: 'refuse',
    ambassador: {
      ...(id !== undefined && { ambassadorId: id }),
      ...(namespace !== undefined && { ambassadorNamespace: namespace }),
      allowUnenforced: new Set(options['allow-unenforced']),
    },
  };
}

/**
 * Reads and builds. `overrides` go before the options.
 *
 * @throws UserError when the sources cannot be read
 */
export async function buildFromOptions(
  options: InputOptions,
  terminal: Pick<Terminal, 'cwd' | 'stdin'>,
  overrides: Partial<BuildOptions> = {},
): Promise<BuildResult> {
  const input = await withDocuments(await loadInput(options, terminal));
  return buildProgram(input, { ...buildOptions(options), now: new Date().toISOString(), ...overrides });
}
