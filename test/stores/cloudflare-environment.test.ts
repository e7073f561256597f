import { describe, expect, it } from 'vitest';
import { cloudflareFromEnvironment } from '../../src/stores/cloudflare-environment.ts';

const complete = { CLOUDFLARE_ACCOUNT_ID: 'a', PORTOLAN_KV_NAMESPACE_ID: 'n', CLOUDFLARE_API_TOKEN: 't' };

describe('cloudflareFromEnvironment', () => {
  it('reads account, namespace and token', () => {
    expect(cloudflareFromEnvironment(complete)).toEqual({
      accountId: 'a',
      namespaceId: 'n',
      apiToken: 't',
      baseUrl: 'https://api.cloudflare.com/client/v4',
    });
  });

  it('names everything that is missing at once', () => {
    expect(() => cloudflareFromEnvironment({})).toThrow(
      'needs CLOUDFLARE_ACCOUNT_ID, PORTOLAN_KV_NAMESPACE_ID, CLOUDFLARE_API_TOKEN in the environment',
    );
    expect(() => cloudflareFromEnvironment({ ...complete, CLOUDFLARE_API_TOKEN: '' })).toThrow(
      'needs CLOUDFLARE_API_TOKEN in',
    );
  });

  it.each([
    ['https://proxy.example/v4/', 'https://proxy.example/v4'],
    ['http://127.0.0.1:9/client/v4', 'http://127.0.0.1:9/client/v4'],
    ['http://[::1]:9', 'http://[::1]:9'],
  ])('takes %s as the address of the API', (text, expected) => {
    expect(cloudflareFromEnvironment({ ...complete, CLOUDFLARE_API_BASE_URL: text }).baseUrl).toBe(expected);
  });

  it.each(['http://api.example/v4', 'ftp://127.0.0.1', 'nonsense'])('does not send the token to %s', (text) => {
    expect(() => cloudflareFromEnvironment({ ...complete, CLOUDFLARE_API_BASE_URL: text })).toThrow(
      'must be an https URL',
    );
  });
});
