import { afterEach, expect, it } from 'vitest';
import { freePort } from '../bench/workerd-process.ts';
import { startHealthServer, type HealthFacts, type HealthServer } from '../../src/sync/health-server.ts';

let server: HealthServer | null = null;
afterEach(() => server?.close());

const FACTS: HealthFacts = { isSynced: false, isLeader: true, objects: 3, publishes: 2, problems: 1, lastPass: 9 };

it('tells how old the slices are, and when they cannot be read', async () => {
  const port = await freePort();
  let facts = FACTS;
  server = await startHealthServer({ host: '127.0.0.1', port }, () => facts);
  const get = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
  expect((await get('/readyz')).status).toBe(503);
  expect(await (await get('/metrics')).text()).not.toContain('slice');
  facts = {
    ...FACTS,
    isSynced: true,
    sliceAges: new Map([
      ['east', 12],
      ['west', null],
    ]),
  };
  expect((await get('/readyz')).status).toBe(200);
  const text = await (await get('/metrics')).text();
  expect(text).toContain('\nportolan_sync_objects 3\n');
  expect(text).toContain('\nportolan_sync_slice_age_seconds{cluster="east"} 12\n');
  expect(text).toContain('\nportolan_sync_slice_age_seconds{cluster="west"} NaN\n');
});
