import { describe, expect, it } from 'vitest';
import { moduleOf, translate } from './resources.ts';

const settings = (config: Readonly<Record<string, unknown>>) => {
  const { settings: patch, codes } = translate({ module: moduleOf(config) });
  return { patch, codes };
};

describe('Module settings', () => {
  it.each([
    [{}, {}],
    [{ merge_slashes: true }, { paths: { mergeSlashes: true } }],
    [{ reject_requests_with_escaped_slashes: true }, { paths: { escapedSlashes: 'reject' } }],
    [{ strip_matching_host_port: true }, { hostPort: 'strip' }],
    [{ strip_matching_host_port: false }, {}],
    [{ headers_with_underscores_action: 'REJECT_REQUEST' }, { headersWithUnderscores: 'reject' }],
    [{ headers_with_underscores_action: 'DROP_HEADER' }, { headersWithUnderscores: 'drop' }],
    [{ headers_with_underscores_action: 'ALLOW' }, { headersWithUnderscores: 'allow' }],
    [{ max_request_headers_kb: 96 }, { maxRequestHeadersBytes: 98_304 }],
    [{ preserve_external_request_id: true }, { preserveRequestId: true }],
    [{ server_name: 'shop' }, { serverHeader: 'shop' }],
    [{ suppress_envoy_headers: true }, { suppressEnvoyHeaders: true }],
  ])('%j → %j', (config, patch) => {
    expect(settings(config)).toEqual({ patch, codes: [] });
  });

  it('says what has no effect or is not taken over', () => {
    expect(settings({ xff_num_trusted_hops: 2 })).toEqual({ patch: {}, codes: ['no-effect'] });
    expect(settings({ use_remote_address: false })).toEqual({ patch: {}, codes: ['parity-difference'] });
    expect(settings({ reject_requests_with_escaped_slashes: false })).toEqual({
      patch: {},
      codes: ['parity-difference'],
    });
  });
});
