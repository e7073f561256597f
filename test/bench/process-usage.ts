/** What a process has used so far. Linux only; elsewhere NaN. */
import * as fs from 'node:fs';

/** Processor time in milliseconds; clock ticks are 10 ms. */
export function cpuMs(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!fs.existsSync(file)) return NaN;
  // The name in parentheses may hold spaces; the fields after it are counted from the third.
  const fields = fs.readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function residentBytes(pid: number): number {
  const status = fs.existsSync(`/proc/${pid}/status`) ? fs.readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) * 1024;
}
