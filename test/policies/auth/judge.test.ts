import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/diagnostics/errors.ts';
import type { AuthMethod, AuthRequest, AuthVerdict } from '../../../src/policies/authentication/method.ts';
import { judgeAll, judgeAny, settle } from '../../../src/policies/auth/judge.ts';
import type { Consumer } from '../../../src/policies/contract.ts';
import { createRequestBody } from '../../../src/gateway/request-body.ts';
import { factsOf } from '../chain.ts';

const request: AuthRequest = {
  facts: factsOf(),
  body: createRequestBody(new Request('http://gateway.test/')),
  waitUntil: () => undefined,
  routeId: 'r',
  scopes: [],
};

function consumer(id: string): Consumer {
  return { id, kind: 'jwt', issuer: null, plan: null, scopes: [], claims: {} };
}

type Kind = 'allow' | 'missing' | 'bad' | 'forbidden' | 'down';

function method(kind: Kind, id = kind as string): AuthMethod {
  return {
    check: () => {
      if (kind === 'down')
        throw new GatewayError(503, 'jwks-unavailable', 'Down.', { headers: { 'retry-after': '5' } });
      if (kind === 'allow') return { kind, consumer: consumer(id), edits: [{ name: `x-${id}`, value: id }] };
      return deny(kind, id);
    },
  };
}

function deny(kind: Exclude<Kind, 'allow' | 'down'>, id: string): AuthVerdict {
  const status = kind === 'forbidden' ? 403 : 401;
  const code = `${kind}-${id}`;
  const challenge = `Way realm="${id}"${kind === 'bad' ? ', error="invalid_token"' : ''}`;
  return {
    kind: 'deny',
    isMissing: kind === 'missing',
    code,
    challenge,
    answer: new GatewayError(status, code, 'No.'),
  };
}

async function outcome(require: 'any' | 'all', kinds: readonly Kind[], optional = false): Promise<string> {
  const methods = kinds.map((kind, index) => method(kind, `${kind}${index}`));
  try {
    const judgement = await (require === 'any' ? judgeAny : judgeAll)(methods, request);
    const settled = settle(judgement, { count: kinds.length, optional });
    if ('passed' in settled) return settled.passed.consumer?.id ?? 'nobody';
    return settled.refusal instanceof GatewayError ? settled.refusal.code : String(settled.refusal.status);
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
}

describe('any', () => {
  it.each<[readonly Kind[], string]>([
    [['allow'], 'allow0'],
    [['missing', 'allow'], 'allow1'],
    [['bad', 'allow'], 'allow1'],
    [['down', 'allow'], 'allow1'],
    [['allow', 'down'], 'allow0'],
    [['missing'], 'missing-missing0'],
    [['missing', 'missing'], 'credentials-missing'],
    [['missing', 'bad'], 'bad-bad1'],
    [['bad', 'forbidden'], 'forbidden-forbidden1'],
    [['bad', 'down'], 'jwks-unavailable'],
    [['forbidden', 'down'], 'forbidden-forbidden0'],
    [['missing', 'down'], 'jwks-unavailable'],
  ])('%j → %s', async (kinds, expected) => expect(await outcome('any', kinds)).toBe(expected));
});

describe('all', () => {
  it.each<[readonly Kind[], string]>([
    [['allow', 'allow'], 'allow0'],
    [['allow', 'missing'], 'missing-missing1'],
    [['missing', 'allow'], 'missing-missing0'],
    [['allow', 'bad'], 'bad-bad1'],
    [['missing', 'bad'], 'bad-bad1'],
    [['allow', 'down'], 'jwks-unavailable'],
  ])('%j → %s', async (kinds, expected) => expect(await outcome('all', kinds)).toBe(expected));
});

describe('optional', () => {
  it.each<['any' | 'all', readonly Kind[], string]>([
    ['any', ['missing', 'missing'], 'anonymous'],
    ['any', ['missing', 'bad'], 'bad-bad1'],
    ['any', ['missing', 'down'], 'jwks-unavailable'],
    ['any', ['missing', 'allow'], 'allow1'],
    ['all', ['missing', 'missing'], 'anonymous'],
    ['all', ['allow', 'missing'], 'missing-missing1'],
    ['all', ['bad', 'missing'], 'bad-bad0'],
  ])('%s of %j → %s', async (require, kinds, expected) => expect(await outcome(require, kinds, true)).toBe(expected));
});

it('passes exactly when the rule says so, whatever the methods answer', () => {
  const kinds = fc.constantFrom<Kind>('allow', 'missing', 'bad', 'forbidden', 'down');
  return fc.assert(
    fc.asyncProperty(
      fc.array(kinds, { minLength: 1, maxLength: 5 }),
      fc.constantFrom<'any' | 'all'>('any', 'all'),
      fc.boolean(),
      async (list, require, optional) => {
        const found = await outcome(require, list, optional);
        const allowed = require === 'any' ? list.includes('allow') : list.every((kind) => kind === 'allow');
        const bare = optional && list.every((kind) => kind === 'missing');
        expect(found.startsWith('allow') || found === 'anonymous').toBe(allowed || bare);
        if (allowed) expect(found).toMatch(/^allow/);
      },
    ),
  );
});

it('names every way that is open when nothing was shown', async () => {
  const judgement = await judgeAny([method('missing', 'a'), method('missing', 'b'), method('missing', 'a')], request);
  const settled = settle(judgement, { count: 3, optional: false });
  const refusal = 'refusal' in settled ? settled.refusal : null;
  expect(refusal).toMatchObject({
    status: 401,
    options: { headers: { 'www-authenticate': 'Way realm="a", Way realm="b"' } },
  });
});

it.each<[readonly Kind[], string]>([
  [['missing'], 'Way realm="missing0"'],
  [['bad'], 'Way realm="bad0", error="invalid_token"'],
  [['missing', 'bad'], 'Way realm="bad1", error="invalid_token"'],
])('a refusal has the challenge of the way that refused: %j', async (kinds, expected) => {
  const methods = kinds.map((kind, index) => method(kind, `${kind}${index}`));
  const settled = settle(await judgeAny(methods, request), { count: kinds.length, optional: false });
  const refusal = 'refusal' in settled ? settled.refusal : null;
  expect(refusal).toMatchObject({ options: { headers: { 'www-authenticate': expected } } });
});

it('keeps what each method of `all` changes, and nothing of those that said no', async () => {
  const all = await judgeAll([method('allow', 'a'), method('allow', 'b')], request);
  expect(all).toMatchObject({ passed: { consumer: { id: 'a' }, edits: [{ name: 'x-a' }, { name: 'x-b' }] } });
  const any = await judgeAny([method('bad', 'a'), method('allow', 'b')], request);
  expect(any).toMatchObject({ passed: { edits: [{ name: 'x-b' }] } });
});

const taking = (name: string): AuthMethod => ({
  check: ({ facts: { query } }) => {
    const rest = (query ?? '').split('&').filter((part) => !part.startsWith(`${name}=`));
    return { kind: 'allow', consumer: consumer(name), edits: [], query: rest.length === 0 ? null : rest.join('&') };
  },
});

describe('a credential in the query', () => {
  const asked = { ...request, facts: factsOf({ query: 'a=1&x=2&b=3' }) };

  it('does not go on: each of several methods takes its own', async () => {
    expect(await judgeAll([taking('a'), taking('b')], asked)).toMatchObject({ passed: { query: 'x=2' } });
    expect(await judgeAny([taking('a'), taking('b')], asked)).toMatchObject({ passed: { query: 'x=2&b=3' } });
  });

  it('leaves the query alone when there is none', async () => {
    const judgement = await judgeAll([method('allow')], asked);
    expect('passed' in judgement && 'query' in judgement.passed).toBe(false);
  });
});
