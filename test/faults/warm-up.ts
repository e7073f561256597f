/** Steps that several scenarios begin with. */
import type { FaultKv } from './fault-kv.ts';
import type { FaultGateway } from './gateway-process.ts';
import { ask, label } from './raw-client.ts';
import { sleep, until } from './scenario.ts';
import type { Versions } from './versions.ts';

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
