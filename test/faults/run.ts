/**
 * `npm run faults [-- F8 F9 …] [--short]`: runs the fault scenarios one after the other and prints one
 * JSON line for each. Exit code 1 when one of them did not hold.
 */
import { parseArgs } from 'node:util';
import { Stage, type Figures, type Scenario } from './scenario.ts';

type Entry = { readonly load: () => Promise<{ readonly run: Scenario }>; readonly limitSeconds: number };

const SCENARIOS: Readonly<Record<string, Entry>> = {
  F1: { load: () => import('./f01-backend-killed.ts'), limitSeconds: 60 },
  F2: { load: () => import('./f02-backend-cut.ts'), limitSeconds: 60 },
  F3: { load: () => import('./f03-black-hole.ts'), limitSeconds: 60 },
  F8: { load: () => import('./f08-kv-gone-warm.ts'), limitSeconds: 60 },
  F9: { load: () => import('./f09-kv-gone-cold.ts'), limitSeconds: 60 },
  F10: { load: () => import('./f10-kv-slow.ts'), limitSeconds: 120 },
  F11: { load: () => import('./f11-kv-stale.ts'), limitSeconds: 90 },
  F12: { load: () => import('./f12-publisher-killed.ts'), limitSeconds: 120 },
  F13: { load: () => import('./f13-corrupt-values.ts'), limitSeconds: 180 },
  F14: { load: () => import('./f14-forged-pointer.ts'), limitSeconds: 90 },
  F15: { load: () => import('./f15-swaps-under-load.ts'), limitSeconds: 180 },
  F15B: { load: () => import('./f15b-change-to-live.ts'), limitSeconds: 120 },
  F23: { load: () => import('./f23-slow-clients.ts'), limitSeconds: 90 },
  F25: { load: () => import('./f25-graceful-stop.ts'), limitSeconds: 60 },
  F25B: { load: () => import('./f25b-rolling-restart.ts'), limitSeconds: 60 },
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { short: { type: 'boolean' } } });
const names = positionals.length > 0 ? positionals.map((name) => name.toUpperCase()) : Object.keys(SCENARIOS);
const unknown = names.find((name) => !Object.hasOwn(SCENARIOS, name));
if (unknown !== undefined) {
  console.error(`There is no fault "${unknown}"; faults are ${Object.keys(SCENARIOS).join(', ')}.`);
  process.exit(2);
}

let isAllHeld = true;
for (const name of names) {
  const figures = await runLimited(name);
  isAllHeld &&= figures.ok;
  console.log(JSON.stringify(figures));
}
await Stage.endAll();
// What a scenario that was given up still awaits must not hold the process.
process.exit(isAllHeld ? 0 : 1);

async function runLimited(name: string): Promise<Figures> {
  const entry = SCENARIOS[name];
  if (entry === undefined) throw new Error(`There is no fault ${name}.`);
  const { limitSeconds } = entry;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<Figures>((resolve) => {
    timer = setTimeout(() => resolve(failed(name, `not done after ${limitSeconds} s`)), limitSeconds * 1000);
  });
  const started = performance.now();
  try {
    const { run } = await entry.load();
    const figures = await Promise.race([run({ scale: values.short === true ? 'short' : 'full' }), tooLong]);
    return { ...figures, seconds: Math.round((performance.now() - started) / 100) / 10 };
  } catch (error) {
    return failed(name, error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    clearTimeout(timer);
  }
}

function failed(fault: string, why: string): Figures {
  return { fault, ok: false, broken: [why] };
}
