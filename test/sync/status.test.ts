import { describe, expect, it } from 'vitest';
import { customResourceDefinitions } from '../../src/crds/definitions.ts';
import { ApiError, type ApiCall, type KubernetesApi } from '../../src/sync/kubernetes-api.ts';
import type { WantedCondition } from '../../src/sync/conditions.ts';
import { ResourceEvents } from '../../src/sync/resource-events.ts';
import { statusShapeOf } from '../../src/sync/status-shape.ts';
import { StatusWriter, type StatusTarget } from '../../src/sync/status-writer.ts';

const NOW = new Date('2026-01-02T03:04:05.678Z');

function recorder(fail: (call: ApiCall) => Error | null = () => null): { api: KubernetesApi; calls: ApiCall[] } {
  const calls: ApiCall[] = [];
  const request = async (call: ApiCall): Promise<unknown> => {
    calls.push(call);
    const error = fail(call);
    if (error !== null) throw error;
    return null;
  };
  return {
    calls,
    api: {
      request,
      stream: () => {
        throw new Error('not used');
      },
    },
  };
}

const good: WantedCondition = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'Served as written.' };
const bad: WantedCondition = { type: 'Accepted', status: 'False', reason: 'FieldInvalid', message: 'It is wrong.' };

function target(status: unknown, more: Partial<StatusTarget> = {}): StatusTarget {
  return {
    path: '/apis/getambassador.io/v3alpha1/namespaces/n/mappings/a',
    apiVersion: 'getambassador.io/v3alpha1',
    kind: 'Mapping',
    namespace: 'n',
    name: 'a',
    uid: 'uid-1',
    generation: 3,
    status,
    shape: 'conditions',
    ...more,
  };
}

async function write(of: StatusTarget, conditions: readonly WantedCondition[]): Promise<readonly ApiCall[]> {
  const { api, calls } = recorder();
  await new StatusWriter(api, () => NOW).write([{ target: of, conditions }], {
    mayWrite: () => true,
    onFailed: () => undefined,
  });
  return calls;
}

async function timeOf(of: StatusTarget, condition: WantedCondition): Promise<unknown> {
  const [call] = await write(of, [condition]);
  const body = call?.body as { status: { conditions: { lastTransitionTime: string }[] } } | undefined;
  return body?.status.conditions[0]?.lastTransitionTime;
}

describe('StatusWriter', () => {
  const written = { ...good, observedGeneration: 3, lastTransitionTime: '2025-01-01T00:00:00Z' };

  it('applies our conditions to this very object', async () => {
    expect(await write(target(undefined), [good])).toEqual([
      {
        method: 'PATCH',
        path: '/apis/getambassador.io/v3alpha1/namespaces/n/mappings/a/status',
        query: { fieldManager: 'portolan', force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: {
          apiVersion: 'getambassador.io/v3alpha1',
          kind: 'Mapping',
          metadata: { name: 'a', namespace: 'n', uid: 'uid-1' },
          status: { conditions: [{ ...good, observedGeneration: 3, lastTransitionTime: '2026-01-02T03:04:05Z' }] },
        },
      },
    ]);
  });

  it('writes nothing when what is there says the same, whatever others have written', async () => {
    const foreign = { type: 'Ready', status: 'False' };
    expect(await write(target({ conditions: [foreign, written] }), [good])).toEqual([]);
  });

  it('keeps the time of the last transition until the status turns', async () => {
    const before = { conditions: [written] };
    expect(await timeOf(target(before, { generation: 4 }), good)).toBe('2025-01-01T00:00:00Z');
    expect(await timeOf(target(before), bad)).toBe('2026-01-02T03:04:05Z');
  });

  it('uses the words of Ambassador where its definition has no conditions', async () => {
    const of = (status: unknown): StatusTarget => target(status, { shape: 'state-and-reason' });
    expect((await write(of(undefined), [bad]))[0]?.body).toMatchObject({
      status: { state: 'Inactive', reason: 'It is wrong.' },
    });
    expect(await write(of({ state: 'Running' }), [good])).toEqual([]);
    expect(await write(target(undefined, { shape: 'none' }), [bad])).toEqual([]);
  });

  it('takes an object that is gone or replaced for no failure, and stops when it may write no more', async () => {
    const refused = new ApiError('x', { status: 409, reason: 'Conflict', retryAfterMs: null });
    const { api } = recorder(() => refused);
    const failures: string[] = [];
    const wanted = [{ target: target(undefined), conditions: [good] }];
    const onFailed = (_: StatusTarget, message: string): unknown => failures.push(message);
    const writer = new StatusWriter(api, () => NOW);
    expect(await writer.write(wanted, { mayWrite: () => true, onFailed })).toEqual({ written: 0, failed: 0 });
    const broken = new StatusWriter(recorder(() => new Error('down')).api, () => NOW);
    expect(await broken.write(wanted, { mayWrite: () => true, onFailed })).toEqual({ written: 0, failed: 1 });
    expect(failures).toEqual(['down']);
    const silent = recorder();
    const still = new StatusWriter(silent.api, () => NOW);
    expect(await still.write(wanted, { mayWrite: () => false, onFailed })).toEqual({ written: 0, failed: 0 });
    expect(silent.calls).toEqual([]);
  });
});

function withStatus(status: object | undefined, subresources: object = { status: {} }): unknown {
  const read = { name: 'v3alpha1', subresources, schema: { openAPIV3Schema: { properties: { status } } } };
  return { spec: { versions: [{ name: 'v2' }, read] } };
}

describe('statusShapeOf', () => {
  it('reads ours, Ambassador’s, and those with no room', () => {
    for (const definition of customResourceDefinitions('1.0.0'))
      expect(statusShapeOf(definition, 'v3alpha1')).toBe('conditions');
    const ambassador = { properties: { state: { type: 'string' }, reason: { type: 'string' } } };
    expect(statusShapeOf(withStatus(ambassador), 'v3alpha1')).toBe('state-and-reason');
    expect(statusShapeOf(withStatus({ properties: { state: {}, errorReason: {} } }), 'v3alpha1')).toBe('none');
    expect(statusShapeOf(withStatus({ 'x-kubernetes-preserve-unknown-fields': true }), 'v3alpha1')).toBe('conditions');
    expect(statusShapeOf(withStatus({ properties: { conditions: {} } }, {}), 'v3alpha1')).toBe('none');
    expect(statusShapeOf(withStatus(ambassador), 'v1')).toBe('none');
    expect(statusShapeOf(null, 'v1')).toBe('none');
  });
});

describe('ResourceEvents', () => {
  it('says each problem once, and again when it is another', async () => {
    const { api, calls } = recorder();
    const events = new ResourceEvents(api, { identity: 'pod', now: () => NOW });
    const subject = target(undefined);
    expect(await events.tell(subject, [good])).toBe(false);
    expect(await events.tell(subject, [bad])).toBe(true);
    expect(await events.tell(subject, [bad])).toBe(false);
    expect(await events.tell(subject, [{ ...bad, message: 'Another.' }])).toBe(true);
    expect(await events.tell(subject, [good])).toBe(false);
    expect(await events.tell(subject, [bad])).toBe(true);
    expect(calls).toHaveLength(3);
    expect(calls[0]).toMatchObject({
      path: '/apis/events.k8s.io/v1/namespaces/n/events',
      body: { type: 'Warning', reason: 'FieldInvalid', note: 'It is wrong.', regarding: { name: 'a', uid: 'uid-1' } },
    });
    const names = calls.map(({ body }) => (body as { metadata: { name: string } }).metadata.name);
    // After a restart the same problem meets the event that is there.
    expect(names[0]).toBe(names[2]);
    expect(names[0]).not.toBe(names[1]);
  });
});
