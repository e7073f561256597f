import { expect, it } from 'vitest';
import { customResourceDefinitions } from '../../src/crds/definitions.ts';
import { definitionShapes } from '../../src/sync/definition-shapes.ts';
import { ApiError, type KubernetesApi } from '../../src/sync/kubernetes-api.ts';
import { VirtualTime } from './virtual-time.ts';

const served = { group: 'getambassador.io', version: 'v3alpha1', kind: 'Mapping', plural: 'mappings', isOwn: true };
const definition = customResourceDefinitions('1.0.0').find(({ spec }) => spec.names.kind === 'Mapping');

function apiOf(answers: readonly (number | 'definition')[]): { api: KubernetesApi; asked: () => number } {
  let asked = 0;
  const request = async (): Promise<unknown> => {
    const answer = answers[Math.min(asked, answers.length - 1)] ?? 404;
    asked += 1;
    if (answer === 'definition') return definition;
    throw new ApiError(`no: ${answer}`, { status: answer, reason: null, retryAfterMs: null });
  };
  return { api: { request, stream: () => expect.unreachable() }, asked: () => asked };
}

it('reads a definition once a minute', async () => {
  const time = new VirtualTime();
  const { api, asked } = apiOf(['definition']);
  const shapeOf = definitionShapes(
    api,
    time.clock(0, () => 0),
    () => undefined,
  );
  expect([await shapeOf(served), await shapeOf(served), asked()]).toEqual(['conditions', 'conditions', 1]);
  await time.run(60_000);
  expect([await shapeOf(served), asked()]).toEqual(['conditions', 2]);
});

it.each([403, 404])('takes %i for an answer: there is nothing to write to, which is told', async (status) => {
  const problems: string[] = [];
  const { api, asked } = apiOf([status]);
  const time = new VirtualTime();
  const shapeOf = definitionShapes(
    api,
    time.clock(0, () => 0),
    (message) => problems.push(message),
  );
  expect([await shapeOf(served), await shapeOf(served), asked()]).toEqual(['none', 'none', 1]);
  expect(problems).toEqual([`no status is written to mappings: their definition cannot be read: no: ${status}`]);
});

it.each([401, 429, 500, 503])('asks again after %i instead of writing no status for a minute', async (status) => {
  const { api, asked } = apiOf([status, 'definition']);
  const time = new VirtualTime();
  const shapeOf = definitionShapes(
    api,
    time.clock(0, () => 0),
    () => undefined,
  );
  expect([await shapeOf(served), await shapeOf(served), asked()]).toEqual(['none', 'none', 1]);
  await time.run(5_000);
  expect(await shapeOf(served)).toBe('conditions');
});
