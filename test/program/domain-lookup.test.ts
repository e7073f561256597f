import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostPatternMatches } from '../../src/model/hostname.ts';
import { DEFAULT_SETTINGS } from '../../src/model/settings.ts';
import { decodeIndex, decodeIndexPart } from '../../src/program/decode.ts';
import {
  comparedName,
  createDomainLookup,
  createIndexLookup,
  type RequestHost,
} from '../../src/program/domain-lookup.ts';
import { encodedValues, encodeProgram } from '../../src/program/encode.ts';
import { FORMAT_VERSION, type RouteProgram } from '../../src/program/route-program.ts';
import { domainOf, mappings, routeOf } from './program-fixture.ts';

const host = (authority: string): RequestHost => ({ authority, hostname: authority.replace(/:\d+$/, '') });

describe('createDomainLookup', () => {
  const lookup = createDomainLookup(
    ['*', '*.example.com', '*.eu.example.com', 'shop.*', 'shop.eu.*', 'api.example.com', '*.', '*x*', 'a*b'].map(
      (hostname) => ({ hostname }),
    ),
    'strip',
  );
  it.each([
    ['api.example.com', 'api.example.com'],
    ['web.example.com', '*.example.com'],
    ['a.b.eu.example.com', '*.eu.example.com'],
    ['shop.eu.example.com', '*.eu.example.com'],
    ['shop.eu.example.org', 'shop.eu.*'],
    ['shop.example.org', 'shop.*'],
    ['shop.', '*.'],
    ['.example.com', '*'],
    ['example.com', '*'],
    ['axb', '*'],
    ['localhost', '*'],
  ])('%s is served by %s', (name, expected) => {
    expect(lookup.find(name)?.hostname).toBe(expected);
  });

  it('serves nothing without a pattern that matches, and the first of equals', () => {
    expect(createDomainLookup([{ hostname: 'a.example' }], 'strip').find('b.example')).toBeNull();
    const twins = [
      { hostname: 'a.example:80', id: 1 },
      { hostname: 'a.example', id: 2 },
    ];
    expect(createDomainLookup(twins, 'strip').find('a.example')?.id).toBe(1);
    expect(createDomainLookup(twins, 'strict').find('a.example')?.id).toBe(2);
  });

  it('agrees with trying every pattern in turn', () => {
    const label = fc.constantFrom('a', 'b', 'ab', 'x', '.', 'a.b');
    const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
    const pattern = fc.oneof(
      name,
      name.map((text) => `*${text}`),
      name.map((text) => `${text}*`),
      fc.constant('*'),
    );
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), name, (patterns, asked) => {
        const domains = patterns.map((hostname) => ({ hostname }));
        expect(createDomainLookup(domains, 'strip').find(asked)?.hostname ?? null).toBe(slowChoice(patterns, asked));
      }),
      { numRuns: 1000 },
    );
  });
});

/** The rule as a sentence: exact, longest leading, longest trailing, any. */
function slowChoice(patterns: readonly string[], name: string): string | null {
  const matching = patterns.filter((pattern) => hostPatternMatches(pattern, name));
  return (
    matching.find((pattern) => !pattern.includes('*')) ??
    longest(matching.filter((pattern) => pattern.startsWith('*') && pattern !== '*')) ??
    longest(matching.filter((pattern) => pattern.endsWith('*') && pattern !== '*')) ??
    longest(matching) ??
    null
  );
}

const longest = (some: readonly string[]) => some.toSorted((a, b) => b.length - a.length)[0];

describe('createIndexLookup', () => {
  const exact = Array.from({ length: 300 }, (_, index) =>
    domainOf(`Host/${index}`, `host-${index}.example.com`, ['shared']),
  );
  const program = (hostPort: 'strip' | 'strict'): RouteProgram => ({
    format: FORMAT_VERSION,
    settings: { ...DEFAULT_SETTINGS, hostPort },
    domains: [
      ...exact,
      domainOf('Host/port', 'port.example.com:8080', ['shared']),
      domainOf('Host/wild', '*.example.com', ['shared']),
    ],
    tables: { shared: mappings(2).map(routeOf) },
    upstreams: [],
  });

  /** Id of the domain, found the way the Worker does: part first, then root. */
  async function find(hostPort: 'strip' | 'strict', indexLimit: number, authority: string): Promise<string | null> {
    const encoded = await encodeProgram(program(hostPort), { indexLimit });
    const values = new Map(encodedValues(encoded).map(({ key, value }) => [key, value]));
    const index = await decodeIndex(values.get(`index-${encoded.index}`) ?? null, encoded.index);
    const hash = createIndexLookup(index).partFor(host(authority));
    expect(hash === null).toBe(index.parts === undefined);
    const part = hash === null ? null : await decodeIndexPart(values.get(`index-${hash}`) ?? null, hash, index);
    const name = comparedName(host(authority), hostPort);
    const domain =
      createDomainLookup(part?.domains ?? [], hostPort).find(name) ??
      createDomainLookup(index.domains, hostPort).find(name);
    return domain?.id ?? null;
  }

  it.each([
    ['host-7.example.com', 'strip', 'Host/7'],
    ['host-7.example.com:444', 'strip', 'Host/7'],
    ['host-7.example.com:444', 'strict', null],
    ['port.example.com', 'strip', 'Host/port'],
    ['port.example.com:9', 'strip', 'Host/port'],
    ['port.example.com:8080', 'strict', 'Host/port'],
    ['port.example.com', 'strict', 'Host/wild'],
    ['other.example.com', 'strip', 'Host/wild'],
    ['example.org', 'strip', null],
  ] as const)('%s with %s: %s, in one level and in two', async (authority, hostPort, expected) => {
    expect(await find(hostPort, 1_000_000, authority)).toBe(expected);
    expect(await find(hostPort, 1000, authority)).toBe(expected);
  });
});
