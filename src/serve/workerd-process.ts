/** One workerd as a child process: its log lines, its end, and how it is asked to end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { SECRET_VARIABLE_PREFIX } from './secret-variables.ts';
import { errorIn } from './serve-log.ts';

export type WorkerdOptions = {
  readonly configFile: string;
  /** Further arguments, for example the addresses of sockets. */
  readonly args: readonly string[];
  /** Unix socket addresses of the configuration are relative to it. */
  readonly workingFolder: string;
  /** Handed on as descriptor 3. */
  readonly listener?: number;
  /** Variables that only this process gets: secrets. Default none. */
  readonly variables?: Readonly<Record<string, string>>;
  /** One line of output. */
  readonly onLine: (line: string) => void;
};

/** How a process ended: its exit code, or the signal that ended it. */
export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export class WorkerdProcess {
  readonly #child: ChildProcess;
  readonly startedAt = Date.now();
  readonly ended: Promise<Ended>;
  #hasEnded = false;
  #complaint: string | null = null;

  constructor({ configFile, args, workingFolder, listener, variables, onLine }: WorkerdOptions) {
    const child = spawn(workerdBinary(), ['serve', configFile, ...args], {
      cwd: workingFolder,
      env: { ...environment(), ...variables },
      stdio: ['ignore', 'pipe', 'pipe', ...(listener === undefined ? [] : [listener])],
      // A group of its own: Ctrl-C in a terminal goes to the whole group, and workerd would drop its requests.
      detached: true,
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#complaint ??= errorIn(line);
        onLine(line);
      });
    }
    this.ended = new Promise((resolve) => {
      const finish = (ended: Ended): void => {
        this.#hasEnded = true;
        resolve(ended);
      };
      // With the last line of its output, which says why.
      child.once('close', (code, signal) => finish({ code, signal }));
      child.once('error', (error) => {
        onLine(error.message);
        finish({ code: null, signal: null });
      });
    });
  }

  /** The first error that the runtime wrote; null: none. Says why a process could not start. */
  get complaint(): string | null {
    return this.#complaint;
  }

  /** null: it could not be started. */
  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Lets requests in flight finish for `drainMs`, then kills. Resolves when the process is gone; false: it had to be killed. */
  async stop(drainMs: number): Promise<boolean> {
    if (this.#hasEnded) return true;
    let inTime = true;
    const deadline = setTimeout(() => {
      inTime = false;
      this.kill();
    }, drainMs);
    this.terminate();
    await this.ended;
    clearTimeout(deadline);
    return inTime;
  }

  /** Asks it to finish what is in flight; stop() gives it a deadline. */
  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Secrets go to those processes that need them; the key that signs programs to none that strangers talk to. */
function environment(): NodeJS.ProcessEnv {
  const { PORTOLAN_SIGN_KEY: _signKey, ...others } = process.env;
  return Object.fromEntries(Object.entries(others).filter(([name]) => !name.startsWith(SECRET_VARIABLE_PREFIX)));
}

/** For a person: which process it was and what the runtime has to say. */
export function endedAtStart(what: string, { complaint }: WorkerdProcess): string {
  return `${what} ended while it started: ${complaint ?? 'the runtime said nothing'}`;
}

function workerdBinary(): string {
  const loaded: unknown = createRequire(import.meta.url)('workerd');
  if (typeof loaded === 'object' && loaded !== null && 'default' in loaded && typeof loaded.default === 'string') {
    return loaded.default;
  }
  throw new Error('The package workerd does not say where its binary lies.');
}
