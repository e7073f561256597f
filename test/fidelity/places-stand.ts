/** A stand whose routes each have a limit on requests at a time, so that every answer's end is waited for. */
import * as path from 'node:path';
import { build } from 'esbuild';
import { WORKER_BUILD } from '../../scripts/bundle-worker.ts';
import type { CompiledRoute, RouteProgram } from '../../src/program/route-program.ts';
import { aLimit, toJson } from '../policies/rate-limit/limits.ts';
import { requestOf, startStand, type Spec, type Stand } from './stand.ts';
import { sleep } from './wire.ts';

const SOURCE = { kind: 'Mapping', namespace: 'fidelity', name: 'places' };
const config = toJson({ limits: [aLimit('places', { algorithm: 'concurrency', rate: 1_000 })], headers: 'none' });

export async function startPlacesStand(specs: readonly Spec[]): Promise<Stand> {
  const { outputFiles } = await build({
    entryPoints: [path.join(import.meta.dirname, 'places-worker.ts')],
    ...WORKER_BUILD,
  });
  return startStand(specs, limited, outputFiles[0]?.text ?? '');
}

function withLimit(route: CompiledRoute): CompiledRoute {
  return { ...route, policies: [...(route.policies ?? []), { name: 'rate-limit', source: SOURCE, config }] };
}

function limited(program: RouteProgram): RouteProgram {
  const tables = Object.entries(program.tables).map(([id, routes]) => [id, routes.map(withLimit)] as const);
  return { ...program, tables: Object.fromEntries(tables) };
}

export type Places = { readonly taken: number; readonly freed: number };

export async function placesOf(stand: Stand): Promise<Places> {
  const wire = await stand.connect();
  await wire.write(requestOf('GET /-/places'));
  const [taken = 0, freed = 0] = (await wire.body(await wire.head())).toString().split(' ').map(Number);
  wire.socket.destroy();
  return { taken, freed };
}

/** Until no place is held, for at most this long. */
export async function placesAtRest(stand: Stand, withinMs: number): Promise<Places> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const places = await placesOf(stand);
    if (places.taken === places.freed || Date.now() > untilMs) return places;
    await sleep(20);
  }
}
