import { describe, expect, it } from 'vitest';
import { mapping, one, translate } from './resources.ts';

describe('match', () => {
  it('matches a plain string prefix, with case, on any hostname and method', () => {
    expect(one({ prefix: '/man' }).match).toMatchObject({
      hostname: null,
      method: null,
      headers: [],
      query: [],
      path: { kind: 'prefix', value: '/man', caseSensitive: true },
    });
  });

  it.each([
    [{ prefix_exact: true }, 'exact', true],
    [{ prefix_regex: true }, 'regex', true],
    [{ prefix_exact: true, prefix_regex: true }, 'regex', true],
    [{ case_sensitive: false }, 'prefix', false],
    [{ case_sensitive: false, prefix_regex: true }, 'regex', true],
  ])('%j → %s', (spec, kind, caseSensitive) => {
    expect(one(spec).match?.path).toMatchObject({ kind, value: '/a/', caseSensitive });
  });

  it('reads whole path elements with prefixMode segment', () => {
    const { route } = translate({ mappings: [mapping('a', { rewrite: '/x' })] }, { prefixMode: 'segment' });
    expect(route('a').matches[0]?.path.kind).toBe('segments');
    expect(route('a').action).toMatchObject({
      backends: [{ rewrite: { kind: 'segments', prefix: '/a/', value: '/x' } }],
    });
  });

  it('reads headers: exact, regex, presence; names in lower case', () => {
    const { match } = one({ headers: { 'X-A': 'One', 'X-P': true }, regex_headers: { 'X-R': 'v\\d+' } });
    expect(match?.headers).toMatchObject([
      { name: 'x-a', test: { kind: 'exact', value: 'One' } },
      { name: 'x-p', test: { kind: 'present' } },
      { name: 'x-r', test: { kind: 'regex', regex: { pattern: 'v\\d+', at: { path: 'spec.regex_headers.X-R' } } } },
    ]);
  });

  it('reads query parameters, names with case', () => {
    const { match } = one({ query_parameters: { Page: '1', Debug: true }, regex_query_parameters: { Sort: 'a|b' } });
    expect(match?.query).toMatchObject([
      { name: 'Debug', test: { kind: 'present' } },
      { name: 'Page', test: { kind: 'exact', value: '1' } },
      { name: 'Sort', test: { kind: 'regex', regex: { pattern: 'a|b' } } },
    ]);
  });

  it('reads methods', () => {
    expect(one({ method: 'POST' }).match?.method).toBe('POST');
    expect(one({ method: 'GET|HEAD', method_regex: true }).match?.method).toMatchObject({
      regex: { pattern: 'GET|HEAD' },
    });
  });

  it('hands the Module limit on regexes to the compiler', () => {
    const { match } = one({ method: 'GET|HEAD', method_regex: true }, { regex_max_size: 500 });
    expect(match?.method).toMatchObject({ regex: { maxProgramSize: 500 } });
    const path = one({ prefix_regex: true }, { regex_max_size: 500 }).match?.path;
    expect(path).toMatchObject({ maxProgramSize: 500, at: { path: 'spec.prefix', line: 111 } });
  });

  it.each([
    [{ hostname: '*' }, null, []],
    [{ hostname: '*.A.com' }, '*.a.com', ['hostname-lower-cased']],
    [{ host: 'a.com' }, 'a.com', []],
    [{ headers: { ':authority': 'a.com' } }, 'a.com', []],
    [{ hostname: 'a.com', host: 'b.com' }, 'a.com', ['host-overridden']],
    [{ hostname: 'a.com', headers: { ':authority': 'b*' } }, 'a.com', ['host-overridden']],
    [{ hostname: 'a.com', host: 'b.*', host_regex: true }, 'a.com', ['host-overridden']],
    [{ host: 'b.com', headers: { ':authority': 'c.com' } }, 'b.com', []],
  ])('%j has hostname %j', (spec, hostname, codes) => {
    const result = one(spec);
    expect(result.match?.hostname).toBe(hostname);
    expect(result.match?.headers).toEqual([]);
    expect(result.codes).toEqual(codes);
  });

  it('takes host_regex and a regex on :authority as a regex hostname', () => {
    expect(one({ host: 'A.*', host_regex: true }).match?.hostname).toMatchObject({ regex: { pattern: 'A.*' } });
    const { match } = one({ regex_headers: { ':authority': '[ab]' } });
    expect(match).toMatchObject({ hostname: { regex: { pattern: '[ab]' } }, headers: [] });
  });

  it('takes :method among the headers as the method', () => {
    expect(one({ headers: { ':method': 'PUT' } }).match).toMatchObject({ method: 'PUT', headers: [] });
  });

  it('keeps further conditions on pseudo-headers beside the fields of that meaning', () => {
    const { match } = one({
      hostname: 'a.com',
      method: 'GET',
      headers: { ':method': 'PUT', ':path': '/x?y', ':scheme': true },
      regex_headers: { ':authority': 'a.*' },
    });
    expect(match).toMatchObject({
      // The regex stands where ports are dealt with; the hostname is told apart from a port by itself.
      hostname: { regex: { pattern: 'a.*' } },
      method: 'GET',
      headers: [
        { name: ':authority', test: { kind: 'regex', regex: { pattern: String.raw`a\.com(?::[0-9]*)?` } } },
        { name: ':method', test: { kind: 'exact', value: 'PUT' } },
        { name: ':path', test: { kind: 'exact', value: '/x?y' } },
      ],
    });
    const strict = translate(
      { mappings: [mapping('m', { hostname: '*.com', regex_headers: { ':authority': 'a.*' } })] },
      { hostPort: 'strict' },
    );
    expect(strict.route('m').matches[0]?.headers).toEqual([
      { name: ':authority', test: { kind: 'regex', regex: { pattern: String.raw`.+\.com` } } },
    ]);
  });

  it('warns of a prefix that no path has', () => {
    expect(one({ prefix: 'backend/' }).codes).toEqual(['prefix-never-matches']);
    expect(one({ prefix: '/a?b=c' }).codes).toEqual(['prefix-never-matches']);
    expect(one({ prefix: '' }).codes).toEqual([]);
  });

  it.each([
    ['/~a', '/~a'],
    ['/%7Ea/', '/~a/'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/café {x}', '/caf%C3%A9%20%7Bx%7D'],
    ['/a/../b', null],
    ['/50%', null],
  ])('knows how %s stands in a request path: %s', (prefix, canonical) => {
    const { match, findings } = one({ prefix });
    const isSame = canonical === match?.path.value;
    expect(isSame ? [] : ['prefix-never-matches']).toEqual(findings.map(({ code }) => code));
    if (isSame) return;
    expect(findings[0]?.hint).toContain(canonical ?? 'resolved');
    // Ambassador compares what is written, so nothing is repaired in silence.
    expect(match?.path.value).toBe(prefix);
  });
});

describe('rank', () => {
  it('is the route weight of Ambassador with a tie-break by name', () => {
    const { match } = one({
      prefix: '/shop/',
      precedence: 3,
      headers: { 'X-B': '1', 'X-A': true },
      regex_headers: { 'x-r': 'v' },
      query_parameters: { q: '12' },
      hostname: '*',
      method: 'PUT',
    });
    const headerSum = 4 + (3 + 1) + (3 + 1 + 1) + 11 + (7 + 3);
    expect(match?.rank).toEqual([
      0,
      3,
      6,
      headerSum,
      3,
      '/shop/',
      'PUT',
      'X-A-*',
      'X-B-1',
      'x-r-v',
      ':authority-*',
      ':method-PUT',
      'q-12',
      { ascending: 1 },
      { ascending: 'default/a' },
      { ascending: 0 },
    ]);
  });
});
