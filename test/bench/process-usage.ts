/** What a process has used so far. Linux only; elsewhere NaN. */
import * as fs from 'node:fs';

/** Processor time of all threads that live, in milliseconds; clock ticks of 10 ms would be too coarse for a round. */
export function cpuMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  if (!fs.existsSync(`${tasks}/${pid}/schedstat`)) return NaN;
  const ns = fs.readdirSync(tasks).map((task) => Number(textOf(`${tasks}/${task}/schedstat`).split(' ')[0]));
  return ns.reduce((sum, value) => sum + value, 0) / 1e6;
}

/** Threads come and go. */
function textOf(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '0';
  }
}

export function residentBytes(pid: number): number {
  const status = fs.existsSync(`/proc/${pid}/status`) ? fs.readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) * 1024;
}
