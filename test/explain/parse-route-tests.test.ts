import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { parseRouteTests, type RouteTest } from '../../src/explain/parse-route-tests.ts';

function parse(text: string): { tests: readonly RouteTest[]; findings: readonly Finding[] } {
  const findings: Finding[] = [];
  return { tests: parseRouteTests('a.probes.yaml', text, (each) => findings.push(each)), findings };
}

const GOOD = `
- name: one
  request: { method: GET, url: 'http://a.test/x', headers: { X-One: a, x-two: [b, c] }, clientIp: 203.0.113.7 }
  expect: { outcome: forward, upstream: { headers: { X-One: a, x-gone: null } } }
`;

describe('parseRouteTests', () => {
  it('reads a test with its line, header names of the expectation in lower case', () => {
    expect(parse(GOOD)).toEqual({
      findings: [],
      tests: [
        {
          file: 'a.probes.yaml',
          line: 2,
          name: 'one',
          request: {
            method: 'GET',
            url: 'http://a.test/x',
            headers: [
              ['X-One', 'a'],
              ['x-two', 'b'],
              ['x-two', 'c'],
            ],
            clientIp: '203.0.113.7',
          },
          expect: { outcome: 'forward', upstream: { headers: { 'x-one': 'a', 'x-gone': null } } },
        },
      ],
    });
  });

  it('reads JSON', () => {
    const list = [{ name: 'j', request: { method: 'GET', url: 'http://a.test/' }, expect: { status: 404 } }];
    expect(parse(JSON.stringify(list)).tests).toHaveLength(1);
  });

  it.each([
    ['name: n, request: { method: GET, url: "http://a/" }, expct: {}', '[0].expct', 'Did you mean `expect`?'],
    [
      'name: n, request: { methd: GET, url: "http://a/" }, expect: { status: 1 }',
      '[0].request.methd',
      'Did you mean `method`?',
    ],
    [
      'name: n, request: { method: GET, url: "http://a/" }, expect: { outcom: forward }',
      '[0].expect.outcom',
      'Did you mean `outcome`?',
    ],
    [
      'name: n, request: { method: GET, url: "http://a/" }, expect: { outcome: forwrd }',
      '[0].expect.outcome',
      'Did you mean `forward`?',
    ],
    [
      'name: n, request: { method: GET, url: "http://a/" }, expect: { route: { sorce: { name: x } } }',
      '[0].expect.route.sorce',
      'Did you mean `source`?',
    ],
    [
      'name: n, request: { method: GET, url: "http://a/" }, expect: { candidates: [{ wieght: 1 }] }',
      '[0].expect.candidates[0].wieght',
      'Did you mean `weight`?',
    ],
    ['name: n, request: { method: GET, url: "http://a/" }, expect: { status: "404" }', '[0].expect.status', null],
    [
      'name: n, request: { method: GET, url: "http://a/" }, expect: { location: 1 }',
      '[0].expect.location',
      'Put it in quotes.',
    ],
    [
      'name: n, request: { method: GET, url: "http://a/" }, expect: { upstream: { headers: { a: 1 } } }',
      '[0].expect.upstream.headers.a',
      'Put it in quotes.',
    ],
    ['name: n, request: { method: GET, url: "http://a/" }, expect: { candidates: {} }', '[0].expect.candidates', null],
    ['name: n, request: { method: GET, url: "http://a/" }, expect: { route: x }', '[0].expect.route', null],
    ['name: n, request: { method: GET, url: "http://a/" }, expect: {}', '[0].expect', null],
    ['name: n, request: { method: GET, url: /x }, expect: { status: 1 }', '[0].request', null],
    [
      'name: n, request: { method: GET, url: "http://a/", headers: { a: 1 } }, expect: { status: 1 }',
      '[0].request.headers',
      'Put numbers and true in quotes.',
    ],
    ['name: n, request: { method: "G T", url: "http://a/" }, expect: { status: 1 }', '[0].request', null],
    [
      'name: n, request: { method: GET, url: "http://a/", clientIp: nobody }, expect: { status: 1 }',
      '[0].request',
      null,
    ],
    ['name: "", request: { method: GET, url: "http://a/" }, expect: { status: 1 }', '[0].name', null],
  ])('refuses {%s}', (entry, path, hint) => {
    const { tests, findings } = parse(`- { ${entry} }\n${GOOD.trim()}\n`);
    expect(findings[0]).toMatchObject({
      severity: 'error',
      code: 'route-test-invalid',
      path,
      hint,
      source: { line: 1 },
    });
    // The test beside it is read all the same.
    expect(tests.map(({ name }) => name)).toEqual(['one']);
  });

  it.each([
    ['', 'route-tests-empty'],
    ['[]', 'route-tests-empty'],
    ['{ name: x }', 'route-tests-empty'],
    ['- [a', 'route-tests-unreadable'],
    ['- { name: a, name: b }', 'route-tests-unreadable'],
    ['- *nowhere', 'route-tests-unreadable'],
  ])('reports a file that tests nothing: %s', (text, code) => {
    expect(parse(text)).toMatchObject({ tests: [], findings: [{ severity: 'error', code }] });
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => void parse(JSON.stringify([value]))));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'-*&!%@[]{},:?|>\'"#~ \n\ta1'.split('')) }),
        (text) => void parse(text),
      ),
      {
        numRuns: 1000,
      },
    );
  });
});
