/** What crosses HTTP between sync and a real API server. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectApi } from '../../src/sync/api-connection.ts';
import { systemClock } from '../../src/sync/clock.ts';
import { loadKubeConfig } from '../../src/sync/kube-config.ts';
import type { KubernetesApi } from '../../src/sync/kubernetes-api.ts';
import { LeaderElection } from '../../src/sync/lease.ts';
import { buildTools } from './cluster-tools.ts';
import { Cluster } from './cluster.ts';

let cluster: Cluster;
let api: KubernetesApi;

beforeAll(async () => {
  cluster = await Cluster.start(buildTools());
  api = await connect(cluster.kubeconfig);
});
afterAll(() => cluster.stop());

async function connect(kubeconfig: string): Promise<KubernetesApi> {
  const before = process.env['KUBECONFIG'];
  process.env['KUBECONFIG'] = kubeconfig;
  try {
    return connectApi(await loadKubeConfig({ context: null, environment: process.env }));
  } finally {
    if (before === undefined) delete process.env['KUBECONFIG'];
    else process.env['KUBECONFIG'] = before;
  }
}

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

describe('the connection', () => {
  it('sends bodies and gives the parsed answer', async () => {
    const body = { metadata: { name: 'one' }, data: { text: 'äöü\n' } };
    expect(await api.request({ method: 'POST', path: CONFIG_MAPS, body })).toMatchObject({ data: body.data });
    expect(await api.request({ method: 'GET', path: `${CONFIG_MAPS}/one` })).toMatchObject({ data: body.data });
    expect(await api.request({ method: 'GET', path: CONFIG_MAPS, query: { limit: '1' } })).toMatchObject({
      items: [{}],
    });
  });

  it('says what the server says', async () => {
    await expect(api.request({ method: 'GET', path: `${CONFIG_MAPS}/absent` })).rejects.toMatchObject({
      name: 'ApiError',
      status: 404,
      reason: 'NotFound',
      retryAfterMs: null,
      message: expect.stringContaining('configmaps "absent" not found'),
    });
    const stranger = await connect(cluster.writeKubeconfig('stranger', 'no such token'));
    await expect(stranger.request({ method: 'GET', path: CONFIG_MAPS })).rejects.toMatchObject({ status: 401 });
  });

  it('believes the authority of the kubeconfig only', async () => {
    const other = JSON.parse(fs.readFileSync(cluster.kubeconfig, 'utf8')) as {
      clusters: { cluster: Record<string, string> }[];
    };
    delete other.clusters[0]?.cluster['certificate-authority'];
    const file = path.join(cluster.folder, 'no-authority');
    fs.writeFileSync(file, JSON.stringify(other));
    const api = await connect(file);
    await expect(api.request({ method: 'GET', path: CONFIG_MAPS })).rejects.toMatchObject({
      name: 'ApiUnreachable',
      message: expect.stringMatching(/certificate/),
    });
  });

  it('streams events until it is told to stop', async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const event of api.stream({ method: 'GET', path: CONFIG_MAPS, query: { watch: 'true' } }, stop.signal)) {
      const { type, object } = event as { type: string; object: { metadata: { name: string } } };
      seen.push(`${type} ${object.metadata.name}`);
      if (object.metadata.name === 'one') cluster.kubectl(['create', 'configmap', 'two']);
      if (object.metadata.name === 'two') stop.abort();
    }
    expect(seen.at(-1)).toBe('ADDED two');
  });

  it('tells a server that went away from a stream that ended', async () => {
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of api.stream({ method: 'GET', path: CONFIG_MAPS, query: { watch: 'true' } }, stop.signal));
    })();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const outcome = reading.then(
      () => 'ended',
      (error: Error) => error.name,
    );
    await cluster.restartApiServer();
    // The server ends watches in good order when it has the time, and breaks them off when it has not.
    expect(['ended', 'ApiUnreachable']).toContain(await outcome);
    const ended: unknown[] = [];
    for await (const event of api.stream(
      { method: 'GET', path: CONFIG_MAPS, query: { watch: 'true', timeoutSeconds: '1' } },
      stop.signal,
    ))
      ended.push(event);
    expect(ended.length).toBeGreaterThan(0);
  });

  it('hears that a resourceVersion is too old', async () => {
    const { metadata } = (await api.request({ method: 'GET', path: CONFIG_MAPS })) as {
      metadata: { resourceVersion: string };
    };
    for (let count = 0; count < 5; count += 1) cluster.kubectl(['create', 'configmap', `later-${count}`]);
    await cluster.compact();
    // The watch cache of a server that was there all along still knows; a new one asks the store.
    await cluster.restartApiServer();
    const query = { watch: 'true', resourceVersion: metadata.resourceVersion };
    const events: unknown[] = [];
    const read = async (): Promise<void> => {
      for await (const event of api.stream({ method: 'GET', path: CONFIG_MAPS, query }, AbortSignal.timeout(5_000))) {
        events.push(event);
        break;
      }
    };
    const failure = await read().then(
      () => null,
      (error: unknown) => error,
    );
    if (failure === null) expect(events[0]).toMatchObject({ type: 'ERROR', object: { code: 410 } });
    else expect(failure).toMatchObject({ status: 410, reason: 'Expired' });
  });
});

function elect(identity: string): readonly [LeaderElection, string[]] {
  const seen: string[] = [];
  const election = new LeaderElection({
    api,
    clock: systemClock,
    namespace: 'default',
    name: 'portolan-sync',
    identity,
    onChange: (isLeader) => seen.push(isLeader ? 'leads' : 'follows'),
    onError: (message) => seen.push(message),
  });
  return [election, seen];
}

describe('the lease', () => {
  it('is held by one, handed on at the end, and taken from one that died', async () => {
    const [a, seenByA] = elect('a');
    const [b, seenByB] = elect('b');
    const stopA = new AbortController();
    const stopB = new AbortController();
    const runningA = a.run(stopA.signal);
    await until(() => a.isLeader);
    const runningB = b.run(stopB.signal);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([a.isLeader, b.isLeader]).toEqual([true, false]);
    stopA.abort();
    await runningA;
    await until(() => b.isLeader);
    expect(a.isLeader).toBe(false);
    expect(seenByA).toEqual(['leads', 'follows']);
    expect(seenByB).toEqual(['leads']);
    stopB.abort();
    await runningB;
    const lease = JSON.parse(cluster.kubectl(['get', 'lease', 'portolan-sync', '-o', 'json'])) as {
      spec: { holderIdentity?: string; leaseTransitions: number };
    };
    expect(lease.spec.holderIdentity ?? '').toBe('');
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    if (isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('never');
}
