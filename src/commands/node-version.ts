/**
 * Lets the installed `portolan` command run under an older Node.
 *
 * miniflare needs Node 22.12 and a TypeScript routes.config.ts needs built-in type stripping (22.18).
 * The `node` package from npm carries a fitting binary, so an older Node hands over to that one.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const MINIMUM_NODE = '22.18.0';

/** Set for the child, so that a wrong binary can never call itself for ever. */
const HANDED_OVER = 'PORTOLAN_NODE_HANDED_OVER';

export function isNodeRecentEnough(version: string, minimum: string = MINIMUM_NODE): boolean {
  const have = version.replace(/^v/, '').split('.').map(Number);
  const need = minimum.split('.').map(Number);
  for (const [index, wanted] of need.entries()) {
    const part = have[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

/**
 * Runs the same command line with the `node` package's binary.
 *
 * @returns the exit code, or null when there is no such binary (or it is too old itself)
 */
export async function handOver(script: string, argv: readonly string[]): Promise<number | null> {
  const binary = packagedNode();
  if (binary === null || process.env[HANDED_OVER] !== undefined) return null;
  return new Promise((resolve) => {
    const child = spawn(binary, [...process.execArgv, script, ...argv], {
      stdio: 'inherit',
      env: { ...process.env, [HANDED_OVER]: '1' },
    });
    // A terminal sends Ctrl-C to the whole process group: passing it on would count as a second one.
    const forward = (signal: NodeJS.Signals): void => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, forward);
    child.on('error', () => resolve(null));
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

function packagedNode(): string | null {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json');
    return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  } catch {
    return null;
  }
}
