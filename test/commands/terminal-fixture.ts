/** Runs the CLI in this process with everything captured, or as a real child process. */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { Command, Terminal } from '../../src/commands/command.ts';
import { COMMANDS } from '../../src/commands/registry.ts';
import { runCli } from '../../src/commands/run-cli.ts';

export type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  readonly cwd?: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly commands?: readonly Command[];
};

export const ROOT = resolve(import.meta.dirname, '../..');

export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const out = { stdout: '', stderr: '' };
  const terminal: Terminal = {
    cwd: options.cwd ?? ROOT,
    env: options.env ?? {},
    stdin: chunksOf(options.stdin ?? ''),
    color: { stdout: false, stderr: false },
    stdout: (text) => (out.stdout += text),
    stderr: (text) => (out.stderr += text),
    stopped: () => Promise.resolve(),
  };
  const code = await runCli(argv, terminal, options.commands ?? COMMANDS);
  return { code, ...out };
}

export function spawnCli(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((settle, reject) => {
    const child = spawn(process.execPath, ['--conditions=portolan-source', join(ROOT, 'src/cli.ts'), ...argv], {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, FORCE_COLOR: '0', ...options.env },
    });
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (out.stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (out.stderr += String(chunk)));
    child.on('error', reject);
    child.on('close', (code) => settle({ code, ...out }));
    child.stdin.end(options.stdin ?? '');
  });
}

async function* chunksOf(text: string): AsyncGenerator<string> {
  yield text;
}
