/** Header values that name the consumer, and that no client can send them. */
import { describe, expect, it } from 'vitest';
import { compileModel } from '../../../src/compile/compile-model.ts';
import { parseHeaderTemplate } from '../../../src/gateway/upstream/header-template.ts';
import type { Consumer } from '../../../src/policies/contract.ts';
import { aModel, aRoute } from '../../oracle/model-builder.ts';
import { factsOf } from '../../policies/chain.ts';
import { aRoute as aCompiledRoute, gatewayFixture } from '../gateway-fixture.ts';

const consumer: Consumer = {
  id: 'user-1',
  kind: 'jwt',
  issuer: 'https://id.example.com',
  plan: 'gold',
  scopes: [],
  claims: { email: 'a@b.example', roles: ['x', 'y'], nothing: null, name: 'Zoë\r\nx-admin: 1', percent: '100%' },
};

function write(value: string, who: Consumer | null = consumer): string {
  const context = { facts: factsOf(), protocol: 'HTTP/1.1', startTime: new Date(0), response: null, consumer: who };
  return parseHeaderTemplate(value)(context);
}

describe('operators', () => {
  it.each([
    ['%CONSUMER_ID%', 'user-1'],
    ['%CONSUMER_KIND%/%CONSUMER_PLAN%', 'jwt/gold'],
    ['%CONSUMER_ISSUER%', 'https://id.example.com'],
    ['%CONSUMER_CLAIM(email)%', 'a@b.example'],
    ['%CONSUMER_CLAIM(roles)%', '["x","y"]'],
    ['%CONSUMER_CLAIM(nothing)%', '-'],
    ['%CONSUMER_CLAIM(toString)%', '-'],
    ['%CONSUMER_CLAIM(name)%', 'Zo%C3%AB%0D%0Ax-admin: 1'],
    ['%CONSUMER_CLAIM(percent)%', '100%25'],
    ['%CONSUMER_ID:4%', 'user'],
  ])('%s is %j', (template, expected) => expect(write(template)).toBe(expected));

  it('are absent when nobody asked who is calling', () => expect(write('%CONSUMER_ID%', null)).toBe('-'));
});

it('a header that names the consumer is nobody else’s to send, on any route', async () => {
  const requestHeaders = { remove: [], set: [{ name: 'X-User', value: '%CONSUMER_ID%' }], add: [] };
  const model = aModel([aRoute('named', { requestHeaders }), aRoute('open')]);
  const { settings } = compileModel(model, { target: 'self-hosted', unresolved: 'echo' }, () => undefined);
  expect(settings.injectedHeaders).toEqual(['x-user']);

  const gateway = gatewayFixture({
    routes: [aCompiledRoute('/')],
    settings: { ...settings, headersWithUnderscores: 'allow' },
  });
  await gateway.send('http://a.test/', { headers: { 'x-user': 'admin', X_User: 'admin', 'x-other': '1' } });
  const [sent] = gateway.upstream;
  expect([sent?.headers.get('x-user'), sent?.headers.get('x_user'), sent?.headers.get('x-other')]).toEqual([
    null,
    null,
    '1',
  ]);
});

it('leaves clients the headers in which they show who they are', () => {
  const requestHeaders = { remove: [], set: [{ name: 'authorization', value: 'User %CONSUMER_ID%' }], add: [] };
  const model = aModel([aRoute('named', { requestHeaders })]);
  const { settings } = compileModel(model, { target: 'self-hosted', unresolved: 'echo' }, () => undefined);
  expect(settings.injectedHeaders).toBeUndefined();
});
