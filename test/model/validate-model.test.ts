import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { validateModel } from '../../src/model/validate-model.ts';
import type { RouteModel } from '../../src/model/route-model.ts';
import { aDomain, aModel, aRoute } from '../oracle/model-builder.ts';

function findingsOf(model: RouteModel): readonly Finding[] {
  const findings: Finding[] = [];
  validateModel(model, (one) => findings.push(one));
  return findings;
}

describe('validateModel', () => {
  it('has nothing to say about a sound model', () => {
    expect(findingsOf(aModel([aRoute('a'), aRoute('b', { domains: [] })]))).toEqual([]);
  });

  it.each([
    ['model-duplicate-route', aModel([aRoute('a'), aRoute('a')])],
    ['model-duplicate-domain', aModel([], { domains: [aDomain(), aDomain()] })],
    ['model-unknown-domain', aModel([aRoute('a', { domains: ['default', 'elsewhere'] })])],
    ['model-no-match', aModel([aRoute('a', { matches: [] })])],
  ])('reports %s', (code, model) => {
    expect(findingsOf(model)).toMatchObject([{ severity: 'error', code }]);
  });

  it('names the route’s source without its field path', () => {
    const [one] = findingsOf(aModel([aRoute('a', { matches: [] })]));
    expect(one?.source).toEqual({ kind: 'Mapping', namespace: 'default', name: 'a', file: 'a.yaml', line: 1 });
  });
});
