/** What most scenarios stand on: a published program, a KV server that can fail, and the gateway over it. */
import { MemoryStore } from '../program/memory-store.ts';
import { startFaultKv, type FaultKv } from './fault-kv.ts';
import { startBareGateway, type BareGatewayOptions, type FaultGateway } from './gateway-process.ts';
import { publish, type Built } from './programs.ts';
import { ask, label } from './raw-client.ts';
import { sleep, until, type Stage } from './scenario.ts';
import type { Versions } from './versions.ts';

export type Stand = {
  readonly store: MemoryStore;
  readonly kv: FaultKv;
  readonly gateway: FaultGateway;
  /** One more over the same store. */
  readonly startGateway: (changes?: GatewayChanges) => Promise<FaultGateway>;
};

export type GatewayChanges = Partial<Pick<BareGatewayOptions, 'refreshMs' | 'verifyKey'>>;

export async function startStand(stage: Stage, built: Built, changes: GatewayChanges = {}): Promise<Stand> {
  const store = new MemoryStore();
  // Values of unknown age are never pruned.
  store.now = null;
  await publish(store, built);
  const kv = stage.add(await startFaultKv(store));
  const common = { folder: stage.folder(), kvAddress: kv.address, program: built.result.program };
  const startGateway = async (own: GatewayChanges = {}): Promise<FaultGateway> =>
    stage.add(await startBareGateway({ ...common, ...changes, ...own }));
  return { store, kv, gateway: await startGateway(), startGateway };
}

/**
 * The first request starts the loading; what it does not need is loaded ahead. Resolves when the store
 * is asked for nothing but the pointer any more. Throws when the gateway does not serve.
 */
export async function warmUp(gateway: FaultGateway, kv: FaultKv, versions: Versions): Promise<void> {
  const first = label(await ask({ port: gateway.port, ...versions.target(0) }));
  if (first !== '200') throw new Error(`The first request got ${first}.`);
  const valueReads = (): number => kv.reads.filter((key) => key !== 'current').length;
  const isQuiet = await until(async () => {
    const before = valueReads();
    await sleep(300);
    return before === valueReads();
  }, 10_000);
  if (!isQuiet) throw new Error('The gateway does not stop loading.');
}
