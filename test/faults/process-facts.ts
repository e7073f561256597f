/** What Linux tells about processes; elsewhere NaN, or nothing. */
import * as fs from 'node:fs';

/** A file below /proc; empty when the process is gone. */
export function procText(file: string): string {
  try {
    return fs.readFileSync(`/proc/${file}`, 'utf8');
  } catch {
    return '';
  }
}

export function residentKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(procText(`${pid}/status`))?.[1] ?? NaN);
}

export function openFiles(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return fs.existsSync(folder) ? fs.readdirSync(folder).length : NaN;
}
