/** `-f PATH`… → the texts of all manifests, in an order that does not depend on the file system. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import { finding, type Report } from '../diagnostics/finding.ts';
import { EXIT_USAGE, type Terminal } from './command.ts';

export const STDIN = '-';

export type SourceFile = {
  /** As the user gave it (below a folder: that folder's path and the rest); `-` for standard input. */
  readonly file: string;
  readonly text: string;
};

const MANIFEST_NAME = /\.(ya?ml|json)$/;
/** Files of a Node project, which may lie in the same folder. Named one by one with -f they are read. */
const PROJECT_NAME = /^(package(-lock)?|tsconfig.*|jsconfig)\.json$|^(pnpm-lock|pnpm-workspace)\.yaml$/;
/** Route tests lie beside the manifests they test; they are read by `portolan test` only. */
const PROBES_NAME = /\.probes\.(ya?ml|json)$/;

/**
 * Reads every manifest that `paths` name. A folder is read recursively and sorted; hidden entries
 * (`.git`, the `..data` folders of a mounted ConfigMap), `node_modules`, files of a Node project and
 * `*.probes.yaml` are left out. A file reached twice is read once.
 *
 * @throws UserError when a path does not exist or cannot be read
 */
export async function readSourceFiles(
  paths: readonly string[],
  terminal: Pick<Terminal, 'cwd' | 'stdin'>,
  report: Report,
): Promise<readonly SourceFile[]> {
  if (paths.filter((path) => path === STDIN).length > 1) {
    throw new UserError('Standard input (-f -) can be read once only.', EXIT_USAGE);
  }
  const files: SourceFile[] = [];
  const seen = new Set<string>();
  for (const path of paths) {
    if (path === STDIN) {
      const text = decode(await readAll(terminal.stdin), STDIN, report);
      if (text !== null) files.push({ file: STDIN, text });
      continue;
    }
    for (const file of await listManifests(path, terminal.cwd, report)) {
      const absolute = resolve(terminal.cwd, file);
      // A pipe (`-f <(command)`) has no real path.
      const identity = await realpath(absolute).catch(() => absolute);
      if (seen.has(identity)) continue;
      seen.add(identity);
      const text = decode(await orUserError(file, () => readFile(absolute)), file, report);
      if (text !== null) files.push({ file, text });
    }
  }
  return files;
}

async function listManifests(path: string, cwd: string, report: Report): Promise<readonly string[]> {
  const isFolder = (await orUserError(path, () => stat(resolve(cwd, path)))).isDirectory();
  if (!isFolder) {
    if (!PROBES_NAME.test(path)) return [path];
    throw new UserError(`${path} holds route tests, not manifests; run \`portolan test ${path}\`.`, EXIT_USAGE);
  }
  const files = await listFolder(path, cwd, new Set());
  if (files.length === 0) {
    report(
      finding('warning', 'source-empty', `The folder ${path} holds no manifest, so it adds no route.`, {
        hint: 'Manifests are files whose names end in .yaml, .yml or .json.',
      }),
    );
  }
  return files.toSorted();
}

/** `above`: the real paths of the folders we are in, so that a link to one of them ends there. */
async function listFolder(folder: string, cwd: string, above: ReadonlySet<string>): Promise<readonly string[]> {
  const absolute = resolve(cwd, folder);
  const identity = await orUserError(folder, () => realpath(absolute));
  if (above.has(identity)) return [];
  const files: string[] = [];
  for (const entry of await orUserError(folder, () => readdir(absolute, { withFileTypes: true }))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    // Links are followed: a mounted ConfigMap consists of them. A dangling one is an error like a missing file.
    const isFolder = entry.isSymbolicLink()
      ? (await orUserError(path, () => stat(resolve(cwd, path)))).isDirectory()
      : entry.isDirectory();
    if (isFolder) files.push(...(await listFolder(path, cwd, new Set([...above, identity]))));
    else if (isManifestName(entry.name)) files.push(path);
  }
  return files;
}

async function readAll(stream: AsyncIterable<Uint8Array | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** A file in another encoding is one bad file: the others are read all the same. */
function decode(bytes: Uint8Array, file: string, report: Report): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    report(
      finding('error', 'source-not-utf8', 'The file is not UTF-8 text, so nothing of it was read.', {
        source: { kind: 'File', namespace: null, name: file, file, line: null },
        hint: 'Convert it to UTF-8.',
      }),
    );
    return null;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  ENOTDIR: 'does not exist: a part of the path is a file',
  ELOOP: 'is a link to itself',
};

async function orUserError<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason = REASONS[code];
    if (reason === undefined) throw error;
    throw new UserError(`${path} ${reason}.`);
  }
}

function isManifestName(name: string): boolean {
  return MANIFEST_NAME.test(name) && !PROBES_NAME.test(name) && !PROJECT_NAME.test(name);
}
