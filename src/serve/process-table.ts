/**
 * Which runtime processes a supervisor has, kept in a file: should it be killed without a chance to
 * stop them, they would go on serving an old program on a port that nobody supervises.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { WorkerdProcess } from './workerd-process.ts';

const FILE = 'processes.json';

export class ProcessTable {
  readonly #file: string;
  readonly #live = new Set<WorkerdProcess>();

  constructor(runFolder: string) {
    this.#file = path.join(runFolder, FILE);
  }

  add(process: WorkerdProcess): void {
    this.#live.add(process);
    this.#write();
    void process.ended.then(() => {
      this.#live.delete(process);
      this.#write();
    });
  }

  /** Without waiting; for the last moment of the supervisor. */
  killAll(): void {
    for (const process of this.#live) process.kill();
  }

  #write(): void {
    const pids = [...this.#live].flatMap(({ pid }) => (pid === null ? [] : [pid]));
    try {
      fs.writeFileSync(this.#file, JSON.stringify(pids));
    } catch {
      // The folder is gone: then nobody will look for orphans in it either.
    }
  }
}

/** Kills what a supervisor that is no more has left behind in this folder. Returns how many there were. */
export function killOrphans(runFolder: string): number {
  const orphans = readPids(path.join(runFolder, FILE)).filter((pid) => commandLineOf(pid).includes(`${runFolder}/`));
  for (const pid of orphans) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Ended between the look and the signal.
    }
  }
  return orphans.length;
}

function readPids(file: string): readonly number[] {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(file, 'utf8'));
    return Array.isArray(value) ? value.filter((pid): pid is number => Number.isInteger(pid) && Number(pid) > 1) : [];
  } catch {
    return [];
  }
}

/** Process ids are used again: only one whose command names our folder is ours. Empty when there is none. */
function commandLineOf(pid: number): string {
  try {
    if (process.platform === 'linux') return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
