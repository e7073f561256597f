import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/diagnostics/errors.ts';
import type { Consumer } from '../../../src/policies/contract.ts';
import type { CompiledKeyPart } from '../../../src/policies/rate-limit/compiled.ts';
import { countedAddress } from '../../../src/policies/rate-limit/address-part.ts';
import type { LimitedRequest } from '../../../src/policies/rate-limit/key-parts.ts';
import { subjectOfRequest } from '../../../src/policies/rate-limit/key.ts';
import { requestOf } from './limits.ts';

const alice: Consumer = {
  id: 'alice/1',
  kind: 'jwt',
  issuer: 'https://id.example',
  plan: null,
  scopes: [],
  claims: { tenant: 'acme', org: { id: 7, teams: ['a', 'b'] }, none: null },
};
const key: Consumer = { ...alice, kind: 'api-key', id: 'shop', issuer: null };
const anonymous: Consumer = { ...alice, kind: 'anonymous', id: 'anonymous', issuer: null };

function subject(part: CompiledKeyPart | readonly CompiledKeyPart[], request: LimitedRequest) {
  return subjectOfRequest({ key: 'from' in part ? [part] : part }, request);
}

describe('the client address', () => {
  it.each([
    ['203.0.113.7', 64, '203.0.113.7'],
    ['::ffff:203.0.113.7', 64, '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', 64, '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', 64, '2001:db8:1:2::/64'],
    ['2001:db8::1', 64, '2001:db8::/64'],
    ['2001:db8:0:1::1', 64, '2001:db8:0:1::/64'],
    ['2001:db8:ffff:ffff::1', 56, '2001:db8:ffff:ff00::/56'],
    ['2001:db8:ffff:ffff::1', 49, '2001:db8:ffff:8000::/49'],
    ['2001:db8:1:2:3:4:5:6', 128, '2001:db8:1:2:3:4:5:6/128'],
    ['::1', 128, '0:0:0:0:0:0:0:1/128'],
    ['::1', 64, '::/64'],
    ['unknown', 64, 'unknown'],
  ])('%s with /%i is counted as %s', (address, bits, counted) => {
    expect(countedAddress(address, bits)).toBe(counted);
  });

  it('is the whole key unless written', () => {
    expect(subjectOfRequest({}, requestOf({ clientIp: '2001:db8:1:2:3::4' }))).toBe('a:2001%3Adb8%3A1%3A2%3A%3A%2F64');
  });
});

/** The subject of a claim with this value. */
const at = (value: string) =>
  subject({ from: 'claim', path: ['v'] }, requestOf({}, { ...alice, claims: { v: value } }));

describe('parts', () => {
  const request = requestOf(
    {
      method: 'POST',
      authority: 'api.example.com:8443',
      path: '/a%20b',
      query: 'x=1+2&x=3&y=%7C',
      headers: { 'x-tenant': 'a|b/c', cookie: 'sid=1; theme="dark" ; sid=2' },
      place: { country: 'DE', continent: null, region: null, asn: null },
    },
    alice,
  );

  it.each<[CompiledKeyPart, string]>([
    [{ from: 'address', ipv6Bits: 128 }, 'a:203.0.113.7'],
    [{ from: 'consumer' }, 'u:jwt,https%3A%2F%2Fid.example=alice%2F1'],
    [{ from: 'claim', path: ['tenant'] }, 'j:tenant=acme'],
    [{ from: 'claim', path: ['org', 'id'] }, 'j:org,id:json=7'],
    [{ from: 'claim', path: ['org', 'teams'] }, 'j:org,teams:json=%5B%22a%22%2C%22b%22%5D'],
    [{ from: 'header', name: 'x-tenant' }, 'h:x-tenant=a%7Cb%2Fc'],
    [{ from: 'cookie', name: 'sid' }, 'c:sid=1'],
    [{ from: 'cookie', name: 'theme' }, 'c:theme=%22dark%22'],
    [{ from: 'query', name: 'x' }, 'q:x=1%202'],
    [{ from: 'query', name: 'y' }, 'q:y=%7C'],
    [{ from: 'country' }, 'g:DE'],
    [{ from: 'method' }, 'm:POST'],
    [{ from: 'route' }, 'r:web'],
    [{ from: 'authority' }, 'o:api.example.com%3A8443'],
    [{ from: 'path' }, 'p:%2Fa%2520b%3Fx%3D1%2B2%26x%3D3%26y%3D%257C'],
    [{ from: 'constant', value: 'all' }, 's:all'],
  ])('%j', (part, text) => {
    expect(subject(part, request)).toBe(text);
  });

  it('an API key is one, whoever else is a consumer', () => {
    expect(subject({ from: 'api-key' }, requestOf({}, key))).toBe('k:shop');
    expect(subjectOfRequest({ key: [{ from: 'api-key' }], missing: 'skip' }, requestOf({}, alice))).toBeNull();
  });

  it('several values of one header are one text', () => {
    const headers = new Headers([
      ['x-a', '1'],
      ['x-a', '2'],
    ]);
    expect(subject({ from: 'header', name: 'x-a' }, requestOf({ headers }))).toBe('h:x-a=1%2C%202');
  });

  it('are joined in their order', () => {
    expect(subject([{ from: 'method' }, { from: 'constant', value: 'x/y' }, { from: 'address' }], request)).toBe(
      'm:POST/s:x%2Fy/a:203.0.113.7',
    );
  });

  it('longer than 256 bytes of UTF-8 are hashed, and only then there is a promise', async () => {
    expect(at('ü'.repeat(128))).toBe(`j:v=${'%C3%BC'.repeat(128)}`);
    const long = at('ü'.repeat(129));
    expect(long).toBeInstanceOf(Promise);
    const digest = await long;
    expect(digest).toMatch(/^j:v=sha256:[0-9a-f]{64}$/);
    // What a client writes cannot be read as somebody else's digest.
    expect(at(String(digest).slice('j:v='.length))).not.toBe(digest);
  });
});

describe('a part that is missing', () => {
  const parts: readonly CompiledKeyPart[] = [
    { from: 'header', name: 'x-a' },
    { from: 'cookie', name: 'c' },
    { from: 'query', name: 'q' },
    { from: 'country' },
    { from: 'api-key' },
    { from: 'consumer' },
    { from: 'claim', path: ['none'] },
    { from: 'claim', path: ['tenant', 'length'] },
    { from: 'claim', path: ['constructor'] },
    { from: 'claim', path: ['org', 'teams', '0'] },
  ];

  it.each(parts)('%j: the address stands for it, and can be told from a value', (part) => {
    const who = part.from === 'claim' ? alice : anonymous;
    expect(subject(part, requestOf({}, who))).toBe('a:203.0.113.7');
    if (part.from === 'header') {
      const sent = requestOf({ headers: { 'x-a': 'a:203.0.113.7' }, clientIp: '198.51.100.1' });
      expect(subject(part, sent)).toBe('h:x-a=a%3A203.0.113.7');
    }
  });

  it('skips the request, or refuses it', () => {
    const limit = { key: [{ from: 'header', name: 'x-a' }] } as const;
    expect(subjectOfRequest({ ...limit, missing: 'skip' }, requestOf({}))).toBeNull();
    const refusal = subjectOfRequest({ ...limit, missing: 'refuse' }, requestOf({}));
    expect(refusal).toBeInstanceOf(GatewayError);
    expect(refusal).toMatchObject({ status: 400, code: 'rate-limit-key-missing' });
    expect(subjectOfRequest({ ...limit, missing: 'refuse' }, requestOf({ headers: { 'x-a': '' } }))).toBe('h:x-a=');
  });
});

/** What a key says, in a form that nothing has to be escaped in. */
function meaning(parts: readonly CompiledKeyPart[], { facts, consumer: who }: LimitedRequest): string {
  return JSON.stringify(
    parts.map((each) => {
      const address = ['address', countedAddress(facts.clientIp, 64)];
      switch (each.from) {
        case 'constant':
          return ['constant', each.value];
        case 'consumer':
          return ['consumer', who?.kind, who?.issuer, who?.id];
        case 'api-key':
          return who?.kind === 'api-key' ? ['api-key', who.id] : address;
        case 'country':
          return facts.place?.country == null ? address : ['country', facts.place.country];
        case 'claim': {
          const [first = '', second] = each.path;
          const value =
            second === undefined && Object.hasOwn(who?.claims ?? {}, first) ? who?.claims[first] : undefined;
          return value === undefined ? address : ['claim', each.path, value];
        }
        default:
          return address;
      }
    }),
  );
}

describe('no two subjects share a key', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', '/', '|', '=', ':', ',', '%', '.', ';', '1', 'ü'), maxLength: 5 }),
    fc.constantFrom('a:203.0.113.7', 'sha256:00', 'json', '203.0.113.7'),
  );
  const part = fc.oneof(
    fc.record({ from: fc.constant('constant' as const), value: text }),
    fc.record({ from: fc.constant('claim' as const), path: fc.array(text, { minLength: 1, maxLength: 2 }) }),
    fc.record({
      from: fc.constantFrom('consumer' as const, 'api-key' as const, 'country' as const, 'address' as const),
    }),
  );
  const consumer = fc.record({
    kind: fc.constantFrom('jwt' as const, 'api-key' as const, 'basic' as const),
    id: text,
    issuer: fc.option(text),
    claims: fc.dictionary(text, fc.oneof(text, fc.integer({ min: 0, max: 9 }), fc.array(text, { maxLength: 2 }))),
  });
  const request = fc
    .record({ clientIp: fc.constantFrom('203.0.113.7', '::1', '2001:db8::1'), consumer, country: fc.option(text) })
    .map(({ clientIp, consumer: who, country }) =>
      requestOf({ clientIp, place: { country, continent: null, region: null, asn: null } }, { ...alice, ...who }),
    );

  it('holds for every pair of requests and keys', () => {
    const parts = fc.array(part, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(parts, parts, request, request, (left, right, a, b) => {
        const same = meaning(left, a) === meaning(right, b);
        expect(subjectOfRequest({ key: left }, a) === subjectOfRequest({ key: right }, b)).toBe(same);
        const one = subjectOfRequest({ key: left }, a);
        expect(one).not.toContain('|');
        // The same limit asks the same parts of everybody, which is where meanings come close to each other.
        expect(one === subjectOfRequest({ key: left }, b)).toBe(meaning(left, a) === meaning(left, b));
      }),
      { numRuns: 2_000 },
    );
  });
});
