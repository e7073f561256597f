import { describe, expect, it } from 'vitest';
import type { ClusterSnapshot } from '../../src/sync/cluster-snapshot.ts';
import { ClustersWatch } from '../../src/sync/clusters-watch.ts';
import { inCluster } from '../../src/sync/cluster-snapshot.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { settle, VirtualTime } from './virtual-time.ts';

function holding(cluster: string, name: string): ClusterSnapshot {
  const text = `apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: { name: ${name} }\nspec: { prefix: /, service: s }\n`;
  const objects = parseManifests([{ file: '-', text }], () => undefined);
  return { ...inCluster({ objects, findings: [] }, cluster), own: [] };
}

class FakeWatch {
  held: ClusterSnapshot | null = null;
  stopped = false;

  snapshot(): ClusterSnapshot | null {
    return this.held;
  }

  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    this.stopped = true;
  }
}

describe('ClustersWatch', () => {
  it('waits for every cluster, but not for ever, and never for all', async () => {
    const time = new VirtualTime();
    const east = new FakeWatch();
    const west = new FakeWatch();
    let impatient = 0;
    const clock = time.clock(0, () => 0.5);
    const watch = new ClustersWatch(
      new Map([
        ['east', east],
        ['west', west],
      ]),
      clock,
      () => (impatient += 1),
    );
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    east.held = holding('east', 'a');
    expect(watch.snapshot()).toBeNull();
    await time.advance(29_999);
    expect(watch.snapshot()).toBeNull();
    expect(impatient).toBe(0);
    await time.advance(1);
    expect(impatient).toBe(1);
    expect(watch.snapshot()).toMatchObject({ silent: ['west'], objects: [{ source: { cluster: 'east', name: 'a' } }] });
    west.held = holding('west', 'b');
    expect(watch.snapshot()?.silent).toEqual([]);
    expect(watch.snapshot()?.objects.map(({ source }) => source.cluster)).toEqual(['east', 'west']);
    east.held = null;
    west.held = null;
    expect(watch.snapshot()).toBeNull();
    stop.abort();
    await settle();
    await running;
    expect([east.stopped, west.stopped]).toEqual([true, true]);
  });
});
