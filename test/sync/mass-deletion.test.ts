import { describe, expect, it } from 'vitest';
import type { AcceptedResources } from '../../src/program/accepted.ts';
import { DeletionGuard, massDeletion } from '../../src/sync/mass-deletion.ts';

function resources(count: number, from = 0, clusters?: readonly string[]): AcceptedResources {
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
      const object = {
        apiVersion: 'v1',
        kind: 'Mapping',
        metadata: { ...metadata, name },
        spec: {},
        ...(clusters !== undefined && { clusters }),
      };
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

describe('massDeletion of several clusters', () => {
  it('looks at each cluster by itself', () => {
    const both = resources(100, 0, ['a', 'b']);
    expect(massDeletion(both, resources(100, 0, ['a']))).toContain(
      '100 resources of 200 would be gone (50 %: b:Mapping',
    );
    const many = { ...resources(900, 0, ['a']), ...resources(50, 1000, ['b']) };
    expect(massDeletion(many, resources(900, 0, ['a']))).toContain('50 resources of 50 would be gone');
    expect(massDeletion(many, { ...resources(900, 0, ['a']), ...resources(35, 1000, ['b']) })).toBeNull();
  });

  it('does not mind that a version serves no more, or that clusters get names or lose them', () => {
    const both = resources(100, 0, ['a', 'b']);
    const other = Object.entries(resources(100, 0, ['b'])).map(([key, value]) => [`b:${key}`, value] as const);
    const conflict = { ...resources(100, 0, ['a']), ...Object.fromEntries(other) };
    expect(massDeletion(both, conflict)).toBeNull();
    expect(massDeletion(conflict, both)).toBeNull();
    expect(massDeletion(conflict, resources(100, 0, ['a']))).toContain('100 resources of 200');
    expect(massDeletion(resources(100), resources(100, 0, ['a']))).toBeNull();
    expect(massDeletion(both, resources(100))).toBeNull();
    expect(massDeletion(resources(100), resources(10, 0, ['a']))).toContain('90 resources of 100');
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
