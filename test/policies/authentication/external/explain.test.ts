import { describe, expect, it } from 'vitest';
import { compileModel } from '../../../../src/compile/compile-model.ts';
import type { Finding } from '../../../../src/diagnostics/finding.ts';
import { explainRequest } from '../../../../src/explain/explain.ts';
import type { ExplainKnowledge } from '../../../../src/explain/offline-runtime.ts';
import type { Json } from '../../../../src/model/route-model.ts';
import { aModel, aRoute, provenance } from '../../../oracle/model-builder.ts';
import { SERVICE } from './fixture.ts';

async function decisionOf(options: { readonly [key: string]: Json }, knowledge?: ExplainKnowledge) {
  const methods = [{ method: 'external', options: { service: SERVICE, ...options } }];
  const use = { policy: 'auth', options: { require: 'all', methods }, source: provenance('shop') };
  const model = aModel([aRoute('shop', { policies: [use] })]);
  const findings: Finding[] = [];
  const program = compileModel(model, { target: 'self-hosted', unresolved: 'echo' }, (each) => findings.push(each));
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  const request = { method: 'GET', url: 'http://a.test/shop/x', headers: [] };
  const { policies } = await explainRequest(program, request, { model, ...(knowledge !== undefined && { knowledge }) });
  return policies[0];
}

describe('explain', () => {
  it.each([false, true])(
    'does not know what the service would say (failureModeAllow: %s)',
    async (failureModeAllow) => {
      const decision = await decisionOf({ failureModeAllow });
      expect(decision).toMatchObject({ name: 'auth', decision: 'unknown' });
      expect(decision?.note).toContain(`demands a 200 answer of the external service ${SERVICE}`);
    },
  );

  it.each([
    [200, 'allow'],
    [401, 'deny'],
    [503, 'deny'],
  ])('takes what it is told for an answer: %i', async (status, decision) => {
    const ask = (): Promise<Response> => Promise.resolve(new Response(null, { status }));
    expect(await decisionOf({}, { ask })).toMatchObject({ decision });
  });
});
