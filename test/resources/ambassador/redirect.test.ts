import { describe, expect, it } from 'vitest';
import { one } from './resources.ts';

const authority = (service: string) => one({ host_redirect: true, service }, {}, { namespace: 'shop' }).route.action;

describe('redirects', () => {
  /** Ambassador's own vectors: what is asked, with the Mapping that answers. */
  it.each([
    [{ prefix: '/N/' }, 301, null],
    [
      { prefix: '/N-3/', path_redirect: '/redirect/', redirect_response_code: 302 },
      302,
      { kind: 'full', value: '/redirect/' },
    ],
    [
      { prefix: '/N-4/foo/bar/baz', prefix_redirect: '/foobar/baz', redirect_response_code: 307 },
      307,
      { kind: 'prefix', length: 16, value: '/foobar/baz' },
    ],
    [
      {
        prefix: '/N-5/',
        regex_redirect: { pattern: '/N-5/assets/([a-f0-9]{12})/images', substitution: '/images/\\1' },
        redirect_response_code: 308,
      },
      308,
      { kind: 'regex', regex: { pattern: '/N-5/assets/([a-f0-9]{12})/images' }, substitution: '/images/\\1' },
    ],
    [{ prefix: '/x', prefix_exact: true, prefix_redirect: '/y' }, 301, { kind: 'full', value: '/y' }],
  ])('%j', (spec, status, path) => {
    const { route, findings } = one({ ...spec, host_redirect: true, service: 'foobar.com' });
    expect(findings).toEqual([]);
    expect(route.action).toMatchObject({ kind: 'redirect', status, scheme: null, authority: 'foobar.com', path });
  });

  it('keeps the first of the three paths and reports the others', () => {
    const regex_redirect = { pattern: 'x', substitution: 'y' };
    const { route, findings } = one({
      host_redirect: true,
      path_redirect: '/p',
      prefix_redirect: '/q',
      regex_redirect,
    });
    expect(route.action).toMatchObject({ path: { kind: 'full', value: '/p' } });
    expect(findings).toMatchObject([
      { code: 'redirect-conflict', severity: 'error', path: 'spec.prefix_redirect' },
      { code: 'redirect-conflict', severity: 'error', path: 'spec.regex_redirect' },
    ]);
  });

  it('answers 301 for a status that is no redirect, and reports it', () => {
    const { route, findings } = one({ host_redirect: true, redirect_response_code: 304 });
    expect(route.action).toMatchObject({ status: 301 });
    expect(findings).toMatchObject([{ code: 'redirect-code-invalid', severity: 'error' }]);
  });

  it('takes the service after qualification: a bare name gains the namespace, a scheme is left out', () => {
    expect(authority('other')).toMatchObject({ authority: 'other.shop' });
    expect(authority('other.com:8443')).toMatchObject({ authority: 'other.com:8443' });
    expect(authority('https://other.com')).toMatchObject({ authority: 'other.com' });
    expect(one({ host_redirect: true, service: 'https://other.com' }).codes).toEqual(['redirect-scheme']);
  });

  it('refuses a path that would end in another host', () => {
    const { route, codes } = one({ host_redirect: true, path_redirect: '.evil.com' });
    expect(route.action).toMatchObject({ kind: 'refuse', code: 'redirect-invalid' });
    expect(codes).toEqual(['redirect-invalid']);
  });
});
