/** `-f` and `--config` → what buildProgram takes. */
import { stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { BuildInput } from '../compile/build-program.ts';
import { readConfigFile } from '../config/load.ts';
import type { PortolanConfig } from '../config/portolan-config.ts';
import { UserError } from '../diagnostics/errors.ts';
import { finding, type Finding } from '../diagnostics/finding.ts';
import { parseManifests, type ManifestCache } from '../resources/manifests.ts';
import type { SecretDocument } from '../resources/secret-document.ts';
import { EXIT_USAGE, type Terminal } from './command.ts';
import type { InputOptions } from './input-options.ts';
import { readSourceFiles, STDIN } from './source-files.ts';

export const DEFAULT_CONFIG = 'routes.config.ts';

export type LoadedInput = {
  readonly input: BuildInput;
  /** Files and folders whose change asks for a new reading; absolute. */
  readonly watch: readonly string[];
  /** There is a configuration but none of it can be read: what is built without it must not replace what serves. */
  readonly configUnusable: boolean;
  /** Secrets among the manifests. */
  readonly secrets: readonly SecretDocument[];
};

/**
 * Reads all sources afresh. Everything wrong inside them is in `input.initialFindings`.
 *
 * @param cache the same one for each reading of a process that reads again and again
 * @throws UserError when a path cannot be read, or when there is nothing to read at all
 */
export async function loadInput(
  options: Pick<InputOptions, 'file' | 'config'>,
  terminal: Pick<Terminal, 'cwd' | 'stdin'>,
  cache?: ManifestCache,
): Promise<LoadedInput> {
  const paths = options.file ?? [];
  const configFile = await findConfig(options.config, terminal.cwd);
  if (paths.length === 0 && configFile === null) {
    throw new UserError(
      `There is nothing to read: give manifests with -f PATH (- for standard input), or write a ${DEFAULT_CONFIG} ` +
        '(`portolan init` makes a first one).',
      EXIT_USAGE,
    );
  }
  const findings: Finding[] = [];
  const report = (finding: Finding): void => void findings.push(finding);
  const secrets: SecretDocument[] = [];
  const objects = parseManifests(await readSourceFiles(paths, terminal, report), report, cache, (secret) => {
    secrets.push(secret);
  });
  if (paths.length > 0 && objects.length === 0 && findings.length === 0) report(nothingRead);
  const { config, dependencies } = await loadConfig(configFile, terminal.cwd, report);
  return {
    input: { objects, config, initialFindings: findings },
    secrets,
    watch: [...paths.filter((path) => path !== STDIN).map((path) => resolve(terminal.cwd, path)), ...dependencies],
    configUnusable: configFile !== null && config === null,
  };
}

/**
 * The configuration alone, of whoever gets resources from elsewhere. null: there is none.
 *
 * @throws UserError when there is one and it cannot be read
 */
export async function readConfig(
  option: string | undefined,
  cwd: string,
): Promise<{ readonly config: PortolanConfig | null; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const file = await findConfig(option, cwd);
  const { config } = await loadConfig(file, cwd, (found) => void findings.push(found));
  if (file !== null && config === null) throw new UserError(`${file} cannot be used: ${findings[0]?.message ?? ''}`);
  return { config, findings };
}

/** A command in a pipe that failed leaves nothing behind, and no error. */
const nothingRead = finding(
  'warning',
  'source-empty',
  'What -f names holds no Kubernetes object, so it adds no route.',
  {
    hint: 'Was the right file named, and did the command that prints it succeed?',
  },
);

/** null: no configuration. A named file that does not exist is an error of its reader. */
async function findConfig(option: string | undefined, cwd: string): Promise<string | null> {
  if (option === 'none') return null;
  if (option !== undefined) return option;
  const exists = await stat(resolve(cwd, DEFAULT_CONFIG)).then(
    (found) => found.isFile(),
    () => false,
  );
  return exists ? DEFAULT_CONFIG : null;
}

async function loadConfig(
  file: string | null,
  cwd: string,
  report: (finding: Finding) => void,
): Promise<{ readonly config: PortolanConfig | null; readonly dependencies: readonly string[] }> {
  if (file === null) return { config: null, dependencies: [] };
  // The loader knows the process's own folder only; a short path is the better name in findings.
  const path = isAbsolute(file) || cwd === process.cwd() ? file : resolve(cwd, file);
  return readConfigFile(path, report);
}

/**
 * Why not to publish, or null. Whoever names manifests has some: a `kubectl` that failed in a pipe, or
 * a folder that is being filled, must not take their routes away.
 *
 * @param hint what the command offers instead, appended to the sentence
 */
export function reasonOfNoManifest(
  { file = [] }: Pick<InputOptions, 'file'>,
  { objects, config }: BuildInput,
  hint = '',
): string | null {
  // Without routes of the configuration either, the publisher stops by itself.
  if (file.length === 0 || objects.length > 0 || (config?.routes ?? []).length === 0) return null;
  return `what -f names holds no Kubernetes object${hint}`;
}
