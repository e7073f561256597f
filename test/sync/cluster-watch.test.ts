/** Kinds that come and go, and what is made of their objects, over an API server of a few lines. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterWatch } from '../../src/sync/cluster-watch.ts';
import { ApiError, ApiUnreachable, type ApiCall, type KubernetesApi } from '../../src/sync/kubernetes-api.ts';
import { settle, VirtualTime } from './virtual-time.ts';

const GROUP = 'getambassador.io';
const VERSION = 'v3alpha1';

class SmallServer implements KubernetesApi {
  readonly kinds = new Map<string, { kind: string; items: object[] }>();
  version = 1;

  async request({ path }: ApiCall): Promise<unknown> {
    await Promise.resolve();
    if (path === `/apis/${GROUP}` && this.kinds.size > 0)
      return { versions: [{ version: 'v2' }, { version: VERSION }] };
    if (path === `/apis/${GROUP}/${VERSION}`) {
      const verbs = ['list', 'watch'];
      const resources = [...this.kinds].map(([name, { kind }]) => ({ name, kind, verbs }));
      return { resources: [...resources, { name: 'mappings/status', kind: 'Mapping', verbs }] };
    }
    if (path === `/apis/${GROUP}/v2`)
      return { resources: [{ name: 'mappings', kind: 'Mapping', verbs: ['list', 'watch'] }] };
    const name = path.split('/').at(-1) ?? '';
    const found = path.startsWith(`/apis/${GROUP}/`) ? this.kinds.get(name)?.items : [];
    if (found === undefined || (path.startsWith('/apis/') && /^\/apis\/[^/]+$/.test(path)))
      throw new ApiError(`no ${path}`, { status: 404, reason: 'NotFound', retryAfterMs: null });
    return { metadata: { resourceVersion: String(this.version) }, items: structuredClone(found) };
  }

  async *stream(_call: ApiCall, signal: AbortSignal): AsyncGenerator {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    yield* [];
  }
}

function mapping(name: string, spec: unknown = { hostname: '*', prefix: `/${name}/`, service: 'one' }): object {
  return { metadata: { name, namespace: 'n', uid: name, generation: 1, resourceVersion: '1' }, spec };
}

let stop = new AbortController();
beforeEach(() => {
  stop = new AbortController();
});
afterEach(() => stop.abort());

describe('ClusterWatch', () => {
  it('waits for every kind, takes up what appears, lets go of what goes, and loses nothing over one bad object', async () => {
    const server = new SmallServer();
    const time = new VirtualTime();
    let changes = 0;
    const problems: string[] = [];
    const watch = new ClusterWatch({
      api: server,
      clock: time.clock(0, () => 0.5),
      onChange: () => (changes += 1),
      onProblem: (message) => problems.push(message),
    });
    expect(watch.snapshot()).toBeNull();
    const running = watch.run(stop.signal);
    await settle();
    await settle();
    expect(watch.snapshot()).toEqual({ objects: [], findings: [], own: [] });

    const many = Array.from({ length: 4_999 }, (_, index) => mapping(`m-${index}`));
    server.kinds.set('mappings', { kind: 'Mapping', items: [...many, mapping('broken', 'text')] });
    const before = changes;
    await time.advance(11_000);
    await settle();
    expect(changes).toBeGreaterThan(before);
    const found = watch.snapshot();
    expect(found?.objects).toHaveLength(4_999);
    expect(found?.own).toHaveLength(5_000);
    expect(found?.findings.map(({ code, source }) => [code, source?.name])).toEqual([['document-invalid', 'broken']]);
    expect(found?.objects[0]).toMatchObject({
      apiVersion: `${GROUP}/${VERSION}`,
      kind: 'Mapping',
      source: { kind: 'Mapping', namespace: 'n', name: 'm-0', file: null, line: null },
    });
    // The same objects again: rebuilding costs what has changed.
    expect(watch.snapshot()?.objects[17]).toBe(found?.objects[17]);

    // One answer without the kind is not believed.
    const kinds = [...server.kinds];
    server.kinds.clear();
    await time.advance(11_000);
    await settle();
    expect(watch.snapshot()?.objects).toHaveLength(4_999);
    for (const [name, kind] of kinds) server.kinds.set(name, kind);
    await time.advance(11_000);
    await settle();
    server.kinds.clear();
    await time.advance(11_000);
    await settle();
    expect(watch.snapshot()?.objects).toHaveLength(4_999);
    await time.advance(11_000);
    await settle();
    expect(watch.snapshot()?.objects).toEqual([]);
    stop.abort();
    await settle();
    await running;
    expect(problems).toEqual([]);
  });

  it('asks a server that cannot be reached less and less often, and as late as it asks for', async () => {
    const time = new VirtualTime();
    const asked: number[] = [];
    let failure: Error = new ApiUnreachable('down');
    const api: KubernetesApi = {
      request: async () => {
        if (asked.at(-1) !== time.nowMs) asked.push(time.nowMs);
        throw failure;
      },
      stream: () => expect.fail('not used'),
    };
    const problems: string[] = [];
    const onProblem = (message: string): unknown => problems.push(message);
    const clock = time.clock(0, () => 0.5);
    const running = new ClusterWatch({ api, clock, onChange: () => undefined, onProblem }).run(stop.signal);
    await settle();
    await time.run(120_000);
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(12);
    expect(problems).toHaveLength(asked.length);
    failure = new ApiError('later', { status: 429, reason: null, retryAfterMs: 60_000 });
    asked.length = 0;
    await time.run(150_000);
    expect([2, 3]).toContain(asked.length);
    stop.abort();
    await running;
  });
});
