import { describe, expect, it } from 'vitest';
import type { AcceptedResources } from '../../src/program/accepted.ts';
import { DeletionGuard, massDeletion } from '../../src/sync/mass-deletion.ts';

function resources(count: number, from = 0): AcceptedResources {
  const metadata = {
    namespace: 'default',
    labels: {},
    annotations: {},
    generation: null,
    creationTimestamp: null,
  };
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      const name = `m-${from + index}`;
      const object = { apiVersion: 'v1', kind: 'Mapping', metadata: { ...metadata, name }, spec: {} };
      return [`Mapping/default/${name}`, { object, staleSince: null }];
    }),
  );
}

describe('massDeletion', () => {
  it.each([
    [100, 70, null],
    [100, 69, '31 resources of 100 would be gone (31 %: Mapping/default/m-69'],
    // A small installation may be emptied.
    [20, 0, null],
    [21, 0, '21 resources of 21 would be gone (100 %'],
    [1000, 979, null],
    [0, 0, null],
  ])('of %i resources %i left: %s', (before, after, expected) => {
    const said = massDeletion(resources(before), resources(after));
    if (expected === null) expect(said).toBeNull();
    else expect(said).toContain(expected);
  });

  it('counts what is gone, not the difference in numbers', () => {
    expect(massDeletion(resources(100), resources(100, 50))).toContain('50 resources of 100');
    expect(massDeletion(resources(100), resources(200))).toBeNull();
  });
});

describe('DeletionGuard', () => {
  it('adds up what passes lose within a minute', () => {
    const guard = new DeletionGuard();
    expect(guard.objection(resources(1000), resources(850), 0)).toBeNull();
    expect(guard.objection(resources(850), resources(720), 10_000)).toBeNull();
    expect(guard.objection(resources(720), resources(650), 20_000)).toContain('350 resources of 1000');
    // What is withheld stays live, and does not become the measure.
    expect(guard.objection(resources(720), resources(650), 30_000)).toContain('350 resources of 1000');
    expect(guard.objection(resources(720), resources(715), 30_000)).toBeNull();
    expect(guard.objection(resources(715), resources(600), 95_000)).toBeNull();
  });

  it('does not mind changes that lose nothing', () => {
    const guard = new DeletionGuard();
    for (let count = 10; count < 200; count += 10)
      expect(guard.objection(resources(count), resources(count + 10), count * 10)).toBeNull();
    expect(guard.objection(resources(200), resources(150), 5_000)).toBeNull();
  });
});
