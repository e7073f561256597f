/** What Linux tells about a process; NaN elsewhere. */
import * as fs from 'node:fs';

export function residentKb(pid: number): number {
  const file = `/proc/${pid}/status`;
  if (!fs.existsSync(file)) return NaN;
  return Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(file, 'utf8'))?.[1] ?? NaN);
}

export function openFiles(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return fs.existsSync(folder) ? fs.readdirSync(folder).length : NaN;
}
