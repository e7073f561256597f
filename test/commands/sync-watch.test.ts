/** The end of `sync --watch`, over an API server that knows one Lease. */
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import type { Terminal } from '../../src/commands/command.ts';
import { watchUntilStopped } from '../../src/commands/sync-watch.ts';
import type { SyncContext } from '../../src/commands/sync-options.ts';
import type { ClusterSnapshot } from '../../src/sync/cluster-snapshot.ts';
import { ApiError, type KubernetesApi } from '../../src/sync/kubernetes-api.ts';

type Lease = { readonly spec: { readonly holderIdentity: string } };

it('gives the Lease back after the pass that goes on when it is stopped', async () => {
  let lease: Lease | null = null;
  const order: string[] = [];
  const leaseApi: KubernetesApi = {
    request: async ({ method, body }) => {
      if (method === 'GET' && lease === null)
        throw new ApiError('none', { status: 404, reason: 'NotFound', retryAfterMs: null });
      if (method === 'GET') return lease;
      lease = body as Lease;
      if (lease.spec.holderIdentity === '') order.push('released');
      return lease;
    },
    stream: () => expect.fail('not used'),
  };
  const stopped = Promise.withResolvers<void>();
  const publishing = Promise.withResolvers<void>();
  const terminal: Terminal = {
    cwd: '.',
    env: {},
    stdin: Readable.from([]),
    color: { stdout: false, stderr: false },
    stdout: () => undefined,
    stderr: () => undefined,
    stopped: () => stopped.promise,
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of the many options it asks for these
  const options = { 'lease-namespace': 'n' } as SyncContext['options'];
  const snapshot: ClusterSnapshot = { objects: [], findings: [], own: [] };
  await watchUntilStopped(
    { options, terminal },
    {
      leaseApi,
      intervalMs: 0,
      create: async ({ mayAct }) => ({
        watch: { snapshot: () => snapshot, run: async () => undefined },
        run: {
          forget: () => undefined,
          pass: async () => {
            stopped.resolve();
            setImmediate(() => setImmediate(() => publishing.resolve()));
            await publishing.promise;
            order.push(mayAct() ? 'published' : 'no leader any more');
            return { report: null, statuses: { failed: 0 } };
          },
        },
        onPass: () => undefined,
      }),
    },
  );
  expect(order).toEqual(['published', 'released']);
});
