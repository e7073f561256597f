import { describe, expect, it } from 'vitest';
import type { ResourceStatus } from '../../src/compile/resource-status.ts';
import { finding } from '../../src/diagnostics/finding.ts';
import { conditionsOf, type Publication } from '../../src/sync/conditions.ts';

const source = { kind: 'Mapping', namespace: 'default', name: 'a', file: null, line: null };
const status = (state: ResourceStatus['state']): ResourceStatus => ({ source, state, codes: [] });
const live: Publication = { state: 'live' };

const broken = finding('error', 'field-invalid', 'It must be a number.', {
  path: 'spec.timeout_ms',
  hint: 'Write 3000.',
});
const lost = finding('warning', 'upstream-unresolved', 'No cluster knows it.', { hint: 'Name it.' });
const odd = finding('warning', 'field-unknown', 'It is no field.', { path: 'spec.x' });

describe('conditionsOf', () => {
  it('says of a good resource that all is well', () => {
    expect(
      conditionsOf(status('accepted'), [], live).map(({ type, status: is, reason }) => [type, is, reason]),
    ).toEqual([
      ['Accepted', 'True', 'Accepted'],
      ['ResolvedRefs', 'True', 'ResolvedRefs'],
      ['Programmed', 'True', 'Programmed'],
    ]);
  });

  it('names the first error as reason and tells all of them, with path and cure', () => {
    const [accepted, , programmed] = conditionsOf(
      status('invalid'),
      [broken, finding('error', 'b-c', 'Second.')],
      live,
    );
    expect(accepted).toEqual({
      type: 'Accepted',
      status: 'False',
      reason: 'FieldInvalid',
      message: 'spec.timeout_ms: It must be a number. Write 3000. | Second.',
    });
    expect(programmed).toMatchObject({ status: 'False', reason: 'Invalid' });
  });

  it('tells problems of the surroundings apart from those of the resource', () => {
    const [accepted, resolved, programmed] = conditionsOf(status('refused'), [odd, lost], live);
    expect(accepted).toMatchObject({ status: 'True', message: 'Served, but: spec.x: It is no field.' });
    expect(resolved).toEqual({
      type: 'ResolvedRefs',
      status: 'False',
      reason: 'UpstreamUnresolved',
      message: 'No cluster knows it. Name it.',
    });
    expect(programmed).toMatchObject({ status: 'False', reason: 'Refusing' });
  });

  it('says when an earlier version serves, and when nothing was published', () => {
    expect(conditionsOf(status('stale'), [broken], live)[2]).toMatchObject({
      status: 'False',
      reason: 'EarlierVersion',
    });
    const withheld = conditionsOf(status('accepted'), [], { state: 'withheld', reason: 'Too many are gone.' });
    expect(withheld[2]).toMatchObject({ status: 'False', reason: 'NotPublished', message: 'Too many are gone.' });
  });

  it('keeps messages short, and never cuts one away without saying so', () => {
    const many = Array.from({ length: 100 }, (_, index) =>
      finding('error', 'x', `Problem ${index} ${'y'.repeat(100)}`),
    );
    const [accepted] = conditionsOf(status('invalid'), many, live);
    expect(accepted?.message.length).toBeLessThan(2_100);
    expect(accepted?.message).toMatch(/\(and \d+ more\)$/);
    const [long] = conditionsOf(status('invalid'), [finding('error', 'x', 'z'.repeat(5_000))], live);
    expect(long?.message).toHaveLength(2_001);
  });
});
