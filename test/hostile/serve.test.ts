/**
 * The corpus against `portolan serve`: generated configuration, headers stripped at the socket, and two
 * processes on one listening socket, so that what one of them keeps of a client cannot help the other.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServe, type ServeProcess } from '../e2e/serve-process.ts';
import { CORPUS } from './corpus/corpus.ts';
import { BACKENDS, GATEWAYS, publishInto, type Gateway } from './gateways.ts';
import { judge, observe, type Observed } from './judge.ts';
import { startBackends } from './recording-backend.ts';
import { makeVariants } from './variants.ts';

/** A representative part of the variants; hostile.test.ts sends all of them. */
const EVERY = 6;

let served: ServeProcess;
let gateway: Gateway;

beforeAll(async () => {
  const backends = await startBackends(BACKENDS);
  served = await startServe({ sources: false, args: ['--processes', '2'] });
  await publishInto(served.state, backends.addresses, GATEWAYS.default);
  await served.admin('POST', '/reload');
  gateway = { port: served.port, backends, close: () => Promise.resolve(backends.close()) };
});
afterAll(async () => {
  await gateway.close();
  await served.close();
});

describe('the corpus against portolan serve', () => {
  it('is answered as on bare workerd, and backends get exactly what is written', async () => {
    const found: string[] = [];
    for (const input of CORPUS.filter((one) => (one.gateway ?? 'default') === 'default')) {
      const { violations, differences } = await judge(gateway, input);
      found.push(...[...violations, ...differences].map((what) => `${input.id} ${input.what}: ${what}`));
    }
    expect(found).toEqual([]);
  });

  it('never reaches a backend wrongly in any of its variants', async () => {
    const variants = makeVariants().filter(({ intent }, at) => intent.gateway === 'default' && at % EVERY === 0);
    const outcomes: Observed[] = [];
    const found: string[] = [];
    for (const { bytes, intent, what } of variants) {
      const outcome = await observe(gateway, bytes, intent);
      outcomes.push(outcome);
      found.push(...outcome.violations.map((violation) => `${what}: ${violation}`));
    }
    expect(found).toEqual([]);
    for (const by of ['backend', 'gateway'] as const)
      expect(outcomes.filter((outcome) => outcome.by === by).length, by).toBeGreaterThan(10);
  });

  it('ended no process and left no exception in the log but those of CONNECT', async () => {
    expect((await served.status()).edges.map(({ restarts }) => restarts)).toEqual([0, 0]);
    const messages = served.log.filter(({ event, level }) => event === 'runtime' && level === 'error');
    expect(messages.filter(({ message }) => !/connect/i.test(String(message)))).toEqual([]);
  });
});
