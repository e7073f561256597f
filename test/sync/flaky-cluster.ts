/** An API server that knows Mappings, the kinds that carry annotations, one Lease and Events, and fails. */
import { customResourceDefinitions } from '../../src/crds/definitions.ts';
import { isRecord } from '../../src/resources/record.ts';
import { ApiUnreachable, type ApiCall, type KubernetesApi } from '../../src/sync/kubernetes-api.ts';
import { errorOf, FlakySource } from './flaky-source.ts';
import type { ProcessLife } from './process-life.ts';

const GROUP = '/apis/getambassador.io';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/n/leases';
const DEFINITION = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/mappings.getambassador.io';

type Stored = { readonly metadata: { readonly resourceVersion?: string } };

export class FlakyCluster {
  readonly mappings: FlakySource;
  readonly sources: ReadonlyMap<string, FlakySource>;
  /** Statuses and Events. */
  writes = 0;
  readonly #random: () => number;
  #lease: Stored | null = null;
  #leaseVersion = 0;

  constructor(random: () => number, nowMs: () => number) {
    this.#random = random;
    this.mappings = new FlakySource(random, nowMs);
    const carriers = [
      '/api/v1/services',
      '/apis/networking.k8s.io/v1/ingresses',
      '/apis/networking.k8s.io/v1/ingressclasses',
    ];
    this.sources = new Map([
      [`${GROUP}/v3alpha1/mappings`, this.mappings],
      ...carriers.map((path) => [path, new FlakySource(random, nowMs)] as const),
    ]);
    for (const source of this.sources.values()) source.duringList = () => undefined;
  }

  set faultiness(faultiness: number) {
    for (const source of this.sources.values()) source.faultiness = faultiness;
  }

  stir(): void {
    for (const source of this.sources.values()) source.stir();
  }

  /** As one process reaches it. */
  of(life: ProcessLife): KubernetesApi {
    return {
      request: (call) =>
        life.call(
          () => {
            if (life.isCut) throw new ApiUnreachable('cut off');
            return this.#answer(call);
          },
          () =>
            errorOf(
              (['throttled', 'server error', 'unauthorized', 'drop'] as const)[Math.floor(this.#random() * 4)] ??
                'drop',
            ),
        ),
      stream: (call, signal) => this.#stream(call, life, signal),
    };
  }

  async *#stream({ path, query }: ApiCall, life: ProcessLife, signal: AbortSignal): AsyncGenerator {
    const source = this.sources.get(path);
    if (source === undefined) throw errorOf('not found');
    await life.goOn();
    if (life.isCut) throw new ApiUnreachable('cut off');
    for await (const event of source.watch(query?.['resourceVersion'] ?? '', signal)) {
      await life.goOn();
      if (life.isCut) throw new ApiUnreachable('cut off');
      yield event;
    }
    await life.goOn();
  }

  async #answer({ method, path, body }: ApiCall): Promise<unknown> {
    const source = this.sources.get(path);
    if (source !== undefined) {
      const { items, resourceVersion } = await source.list();
      return { metadata: { resourceVersion }, items };
    }
    if (path === GROUP) return { versions: [{ version: 'v3alpha1' }] };
    if (path === `${GROUP}/v3alpha1`)
      return { resources: [{ name: 'mappings', kind: 'Mapping', verbs: ['list', 'watch'] }] };
    if (path === DEFINITION) return definition;
    if (path.startsWith(LEASES)) return this.#answerLease(method, body);
    if (method === 'PATCH') return this.#patchStatus(path, body);
    if (method === 'POST' && path.endsWith('/events')) {
      this.writes += 1;
      return null;
    }
    throw errorOf('not found');
  }

  #answerLease(method: ApiCall['method'], body: unknown): unknown {
    if (method === 'GET') {
      if (this.#lease === null) throw errorOf('not found');
      return structuredClone(this.#lease);
    }
    const written = body as Stored;
    const isFirst = method === 'POST';
    if (isFirst !== (this.#lease === null)) throw errorOf('conflict');
    if (!isFirst && written.metadata.resourceVersion !== this.#lease?.metadata.resourceVersion)
      throw errorOf('conflict');
    this.#leaseVersion += 1;
    this.#lease = structuredClone({
      ...written,
      metadata: { ...written.metadata, resourceVersion: String(this.#leaseVersion) },
    });
    return this.#lease;
  }

  /** By one field manager: its conditions replace those of before. */
  #patchStatus(path: string, body: unknown): unknown {
    const name = /\/namespaces\/n\/mappings\/([^/]+)\/status$/.exec(path)?.[1];
    const object = this.mappings.objects.get(`n/${name}`);
    if (name === undefined || object === undefined) throw errorOf('not found');
    const { metadata, status } = body as { metadata: { uid: string }; status: unknown };
    if (!isRecord(object['metadata']) || object['metadata']['uid'] !== metadata.uid) throw errorOf('conflict');
    this.writes += 1;
    this.mappings.putStatus(name, structuredClone(status));
    return null;
  }
}

const definition = customResourceDefinitions('1.0.0').find(({ spec }) => spec.names.kind === 'Mapping');
