/** `portolan init`: a starting point in an empty folder. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import { defineCommand, EXIT_OK } from './command.ts';
import { STARTER_FILES } from './init-files.ts';

const NEXT_STEPS = `
Next:
  npx portolan dev -f manifests/      serve it on http://127.0.0.1:8787, with echo backends
  curl http://127.0.0.1:8787/backend/hello
  npx portolan check -f manifests/    everything there is to say about the routes`;

export const initCommand = defineCommand({
  name: 'init',
  summary: 'Write a starter routes.config.ts, wrangler.toml and manifest.',
  usage: '[FOLDER]',
  details: `
Existing files are never touched. JSON: {folder, written: [path], kept: [path]}.`,
  options: {},
  positionals: { min: 0, max: 1 },
  async run({ positionals, terminal, json, print, printJson, note }) {
    const [folder = '.'] = positionals;
    const written: string[] = [];
    const kept: string[] = [];
    for (const { path, text } of STARTER_FILES) {
      const isNew = await writeNew(resolve(terminal.cwd, folder, path), text);
      (isNew ? written : kept).push(path);
    }
    if (json) {
      printJson({ folder, written, kept });
      return EXIT_OK;
    }
    for (const path of written) print(`written  ${join(folder, path)}`);
    for (const path of kept) print(`kept     ${join(folder, path)} (exists already)`);
    note(folder === '.' ? NEXT_STEPS : NEXT_STEPS.replace('Next:', `Next:\n  cd ${folder}`));
    return EXIT_OK;
  },
});

/** Whether the file was written; an existing one (even one made this moment) stays as it is. */
async function writeNew(path: string, text: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw writeError(error, path);
  }
  try {
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw writeError(error, path);
  }
}

/** A refusal of the file system is the user's to solve; anything else is a bug and stays as it is. */
function writeError(error: unknown, path: string): unknown {
  const code = codeOf(error);
  return code === null ? error : new UserError(`Cannot write ${path} (${code}).`);
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
