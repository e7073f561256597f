import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileModel } from '../../src/compile/compile-model.ts';
import { createMemoryView } from '../../src/gateway/program-view.ts';
import type { MatchFacts } from '../../src/gateway/predicates.ts';
import { arbitraryFacts, arbitraryModel } from '../oracle/model-arbitrary.ts';
import { naiveMatch, type MatchFacts as OracleFacts } from '../oracle/naive-matcher.ts';

function toFacts(facts: OracleFacts): MatchFacts & { readonly hostname: string } {
  const { hostname, authority, path, method, query } = facts;
  return {
    hostname,
    authority,
    path,
    method,
    query,
    scheme: 'http',
    headers: new Headers(facts.headers.map(([n, v]) => [n, v])),
  };
}

describe('matcher', () => {
  it('answers as the naive matcher over the model does', () => {
    let matched = 0;
    fc.assert(
      fc.property(arbitraryModel, fc.array(arbitraryFacts, { minLength: 1, maxLength: 8 }), (model, requests) => {
        const view = createMemoryView(
          compileModel(model, { target: 'self-hosted', unresolved: 'echo' }, () => undefined),
          'v',
        );
        for (const request of requests) {
          const expected = naiveMatch(model, request);
          const facts = toFacts(request);
          const site = view.find(facts.hostname, facts.authority);
          expect(site?.domain.id ?? null).toBe(expected.domain);
          const found = site?.matcher.match(facts, request.r) ?? null;
          expect(found?.route.id ?? null).toBe(expected.route);
          const judged = view.judge(facts, request.r)?.find(({ miss }) => miss === null);
          expect(judged?.match).toBe(found?.match);
          if (found !== null) matched += 1;
        }
      }),
      { numRuns: 400 },
    );
    expect(matched).toBeGreaterThan(100);
  });
});
