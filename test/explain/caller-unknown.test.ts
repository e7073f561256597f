/** What a verdict may not rest on: an answer that came of not asking. */
import { describe, expect, it } from 'vitest';
import { compileModel } from '../../src/compile/compile-model.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { createExplainer, type Explainer } from '../../src/explain/explain.ts';
import type { ExplainKnowledge } from '../../src/explain/offline-runtime.ts';
import type { KeyStore } from '../../src/keys/key-store.ts';
import { createKey } from '../../src/keys/manage-keys.ts';
import type { Json, PolicyUse } from '../../src/model/route-model.ts';
import { aModel, aRoute, provenance } from '../oracle/model-builder.ts';
import { AUDIENCE, goodClaims, ISSUER, makeKey, NOW_S, sign } from '../policies/authentication/jwt/jwt-stand.ts';

const key = await makeKey('ES256');
const keySet = JSON.stringify({ keys: [key.jwk] });
const jwt = { issuer: ISSUER, audience: AUDIENCE, discovery: true };

const refuse = (): Promise<Response> => Promise.reject(new Error('connection refused'));

const use = (policy: string, options: Json): PolicyUse => ({ policy, options, source: provenance('shop') });

function explainer(policies: readonly PolicyUse[], knowledge: ExplainKnowledge = {}): Explainer {
  const model = aModel([aRoute('shop', { policies })]);
  const findings: Finding[] = [];
  const program = compileModel(model, { target: 'self-hosted', unresolved: 'echo' }, (each) => findings.push(each));
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  return createExplainer(program, { model, knowledge: { now: () => NOW_S * 1_000, ...knowledge } });
}

async function ask(asked: Explainer, token: string) {
  const headers = [['authorization', `Bearer ${token}`]] as const;
  return (await asked.explain({ method: 'GET', url: 'http://a.test/shop/x', headers })).explanation;
}

const authBy = (...methods: readonly string[]): PolicyUse =>
  use('auth', {
    require: 'any',
    methods: methods.map((method) => ({ method, options: method === 'jwt' ? jwt : {} })),
  });

describe('a caller who is not known', () => {
  it('stays unknown when the same explainer is asked again, though the method does not try again at once', async () => {
    const asked = explainer([authBy('jwt')]);
    const token = await sign(key);
    for (const _ of [1, 2, 3])
      expect((await ask(asked, token)).policies).toMatchObject([{ decision: 'unknown', code: null }]);
  });

  it('is denied what is denied whoever it is, and only that', async () => {
    const asked = explainer([authBy('jwt')]);
    expect((await ask(asked, await sign(key))).policies).toMatchObject([{ decision: 'unknown' }]);
    const expired = await sign(key, goodClaims({ exp: NOW_S - 3_600 }));
    expect(await ask(asked, expired)).toMatchObject({
      status: 401,
      policies: [{ decision: 'deny', code: 'token-invalid' }],
    });
  });

  it('leaves rules about the caller open, whichever way they would end for nobody', async () => {
    for (const when of ['consumer.kind == "jwt"', 'consumer.kind == "anonymous"']) {
      const rules = [{ name: 'rule', effect: 'allow', when }];
      const asked = explainer([authBy('jwt'), use('authorize', { rules })]);
      const { policies, outcome } = await ask(asked, await sign(key));
      expect(policies.map(({ decision }) => decision)).toEqual(['unknown', 'unknown']);
      expect(outcome).toBe('forward');
    }
  });

  it('a way that is not asked for does not make the others unknown', async () => {
    const knowledge = { keySet };
    const asked = explainer([authBy('api-key', 'jwt')], knowledge);
    expect(await ask(asked, await sign(key))).toMatchObject({
      policies: [{ decision: 'allow' }],
      consumer: { id: 'user-1', kind: 'jwt' },
    });
  });
});

describe('a caller whom one way knows, and another might', () => {
  it('passes, and nobody says who it is', async () => {
    const values = new Map<string, string>();
    const store: KeyStore = {
      get: (name) => Promise.resolve(values.get(name) ?? null),
      list: () => Promise.resolve([]),
      putMany: (added) => {
        for (const each of added) values.set(each.key, each.value);
        return Promise.resolve();
      },
      deleteMany: () => Promise.resolve(),
    };
    const fields = { consumer: 'shop', plan: null, metadata: {}, env: 'live', lifetimeMs: null } as const;
    const created = await createKey(store, fields, NOW_S * 1_000);
    const rules = [{ name: 'keys', effect: 'allow', when: 'consumer.kind == "api-key"' }];
    const policies = [authBy('jwt', 'api-key'), use('authorize', { rules })];
    const withKey = [['x-api-key', created.key]] as const;
    const both = [['authorization', `Bearer ${await sign(key)}`], ...withKey] as const;
    const decisions = async (headers: typeof both | typeof withKey) => {
      const asked = explainer(policies, { keys: store });
      const { explanation } = await asked.explain({ method: 'GET', url: 'http://a.test/shop/x', headers });
      return [...explanation.policies.map(({ decision }) => decision), explanation.consumer?.id ?? null];
    };
    expect(await decisions(withKey)).toEqual(['allow', 'allow', 'shop']);
    expect(await decisions(both)).toEqual(['allow', 'unknown', null]);
  });
});

describe('what is known to be away', () => {
  it('is an outage, not a gap: asked for real and not answered is 503', async () => {
    const asked = explainer([authBy('jwt')], { ask: refuse });
    expect(await ask(asked, await sign(key))).toMatchObject({
      outcome: 'respond',
      status: 503,
      code: 'jwks-unavailable',
      policies: [{ decision: 'deny', code: 'jwks-unavailable' }],
    });
  });
});
