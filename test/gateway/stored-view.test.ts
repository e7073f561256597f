import { describe, expect, it } from 'vitest';
import { ShardCache } from '../../src/gateway/shard-cache.ts';
import { createStoredView } from '../../src/gateway/stored-view.ts';
import { encodedValues, encodeProgram } from '../../src/program/encode.ts';
import { ProgramRejected } from '../../src/program/rejected.ts';
import { mappings, programOf } from '../program/program-fixture.ts';

describe('stored view', () => {
  // The runtime ends the work of a request that is done: a load that is still under way would never
  // settle, and whoever joins it later waits in vain.
  it('fails only when no load of its own is under way any more', async () => {
    const encoded = await encodeProgram(programOf(mappings(2000)));
    const values = new Map(encodedValues(encoded).map(({ key, value }) => [key, value]));
    const shards = [...values.keys()].filter((key) => key.startsWith('shard-'));
    expect(shards.length).toBeGreaterThan(1);
    const underWay = new Set<string>();
    const reader = {
      get: async (key: string): Promise<string | null> => {
        if (key === shards[0]) return null;
        underWay.add(key);
        await new Promise((resolve) => {
          setTimeout(resolve, 20);
        });
        underWay.delete(key);
        return values.get(key) ?? null;
      },
    };
    const pointer = {
      format: 1,
      version: encoded.version,
      sequence: 1,
      index: encoded.index,
      history: '0'.repeat(64),
      time: '2026-01-01T00:00:00.000Z',
      sources: { resources: 0 },
    } as const;
    const view = await createStoredView(reader, pointer, new ShardCache(reader));
    const failure = await view.warm(['shop.test']).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ProgramRejected);
    expect([...underWay]).toEqual([]);
  });
});
