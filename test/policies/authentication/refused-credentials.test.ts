/** `refusedCredentials`: what limits on guessing count, set by those who refuse and by nobody else. */
import { describe, expect, it } from 'vitest';
import { generateApiKey } from '../../../src/keys/api-key.ts';
import type { Json } from '../../../src/model/route-model.ts';
import type { PolicyHandler, PolicyRuntime } from '../../../src/policies/contract.ts';
import { issueKey } from '../../bench/auth-credentials.ts';
import { factsOf, runChain, runtimeOf } from '../chain.ts';
import { type FakeOptions, filtersHandler, filtersLowering } from '../filters/fake-method.ts';
import { lowered } from '../lowering.ts';

type Policy = { readonly name: string; readonly config: Json; readonly handler?: PolicyHandler };

async function refused(policy: Policy, headers: HeadersInit, ports: Partial<PolicyRuntime> = {}): Promise<string> {
  let seen: boolean | null = null;
  const watch: PolicyHandler = {
    name: 'watch',
    create: () => (context) => {
      context.afterAuthentication(() => (seen = context.refusedCredentials));
      return null;
    },
  };
  const policies = [{ name: 'watch', config: null, handler: watch }, policy];
  const { status } = await runChain({ policies, runtime: runtimeOf(ports) }, factsOf({ headers }));
  return `${status} ${String(seen)}`;
}

describe('auth', () => {
  const config = lowered('auth', { require: 'any', methods: [{ method: 'api-key', options: {} }] });
  const auth = { name: 'auth', config };

  it('a key that is not good, and no key at all', async () => {
    expect(await refused(auth, { 'x-api-key': generateApiKey('live') })).toBe('401 true');
    expect(await refused(auth, { 'x-api-key': 'nonsense' })).toBe('401 true');
    expect(await refused(auth, {})).toBe('401 false');
  });

  it('a bad credential beside a good one, which lets the request pass', async () => {
    const { key, name: place, record } = await issueKey();
    const keys = { get: (name: string) => Promise.resolve(name === place ? record : null) };
    const any = lowered('auth', {
      require: 'any',
      methods: [
        { method: 'basic', options: {} },
        { method: 'api-key', options: {} },
      ],
    });
    const both = { name: 'auth', config: any };
    const guess = { authorization: `Basic ${btoa('alice:guess')}`, 'x-api-key': key };
    expect(await refused(both, guess, { keys })).toBe('200 true');
    expect(await refused(both, { 'x-api-key': key }, { keys })).toBe('200 false');
  });

  it('keys that cannot be looked up', async () => {
    const keys = { get: () => Promise.reject(new Error('down')) };
    expect(await refused(auth, { 'x-api-key': generateApiKey('live') }, { keys })).toBe('503 false');
  });

  const service = 'http://127.0.0.1:3000';
  const external = lowered('auth', { require: 'all', methods: [{ method: 'external', options: { service } }] });

  it.each([
    [401, { authorization: 'Basic x' }, '401 true'],
    [403, { cookie: 'session=1' }, '403 true'],
    [401, {}, '401 false'],
    // Sent to log in: nothing was guessed.
    [302, { cookie: 'session=1' }, '302 false'],
    [200, { authorization: 'Basic x' }, '200 false'],
  ])('an external service that says %i to %j', async (status, headers, expected) => {
    const answer = { status, headers: { location: 'https://login.example/' } };
    const ask = () => Promise.resolve(new Response(null, answer));
    expect(await refused({ name: 'auth', config: external }, headers, { ask })).toBe(expected);
  });
});

const uses = (...list: readonly (readonly [FakeOptions['does'], 'continue' | 'break'])[]): Policy => {
  const filters = Object.fromEntries(
    list.map(([does], at) => [`f${at}`, { method: 'fake', options: { does, id: does } }]),
  );
  const chain = list.map(([, onDeny], at) => ({ filter: `f${at}`, onDeny }));
  const options = { filters, rules: [{ chain }] };
  return {
    name: 'filters',
    config: lowered('filters', options, { lowering: filtersLowering }),
    handler: filtersHandler,
  };
};

describe('filters', () => {
  it.each([
    ['refused by the only one', uses(['bad', 'break']), '403 true'],
    ['nothing shown', uses(['missing', 'break']), '401 false'],
    ['refused by the first, nothing for the second', uses(['bad', 'continue'], ['missing', 'break']), '401 true'],
    ['refused by the first, good for the second', uses(['bad', 'continue'], ['allow', 'break']), '200 false'],
    ['not decided', uses(['down', 'break']), '503 false'],
  ])('%s', async (_, policy, expected) => {
    expect(await refused(policy, {})).toBe(expected);
  });
});
