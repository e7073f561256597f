import { describe, expect, it } from 'vitest';
import type { IpOptions } from '../../../src/policies/ip/options.ts';
import { policyHandler } from '../../../src/policies/handlers.ts';
import { policyLowering } from '../../../src/policies/lowerings.ts';
import { factsOf, runChain, runtimeOf } from '../chain.ts';
import { lowered, lowerOptions } from '../lowering.ts';

async function ask(options: IpOptions, request: Parameters<typeof factsOf>[0]): Promise<string> {
  const response = await runChain({ policies: [{ name: 'ip', config: lowered('ip', options) }] }, factsOf(request));
  if (response.status === 200) return response.text();
  expect(response.status).toBe(403);
  expect(await response.json()).toEqual({ code: 'ip-denied', status: 403 });
  return 'denied';
}

describe('handler', () => {
  it.each<[IpOptions, string, string]>([
    [{ allow: ['10.0.0.0/8'] }, '10.255.0.1', 'upstream'],
    [{ allow: ['10.0.0.0/8'] }, '11.0.0.1', 'denied'],
    [{ deny: ['10.0.0.0/8'] }, '10.255.0.1', 'denied'],
    [{ deny: ['10.0.0.0/8'] }, '11.0.0.1', 'upstream'],
    [{ allow: ['10.0.0.0/8'], deny: ['10.9.0.0/16'] }, '10.9.0.1', 'denied'],
    [{ allow: ['10.0.0.0/8'], deny: ['10.9.0.0/16'] }, '10.8.0.1', 'upstream'],
    [{ allow: ['10.9.0.0/16'], deny: ['10.0.0.0/8'] }, '10.9.0.1', 'denied'],
    [{ allow: ['2001:db8::/32'] }, '2001:db8:ffff::1', 'upstream'],
    [{ allow: ['2001:db8::/32'] }, '10.0.0.1', 'denied'],
    [{ deny: ['::/0'] }, '10.0.0.1', 'upstream'],
    [{ deny: ['::ffff:10.0.0.1'] }, '10.0.0.1', 'denied'],
    // What cannot be read might be anybody.
    [{ deny: ['10.0.0.0/8'] }, 'unknown', 'denied'],
    [{ allow: ['0.0.0.0/0', '::/0'] }, '', 'denied'],
  ])('%j asked by %s: %s', async (options, clientIp, outcome) => {
    expect(await ask(options, { clientIp, peerIp: '192.0.2.1' })).toBe(outcome);
  });

  it.each<[IpOptions, string]>([
    [{ allow: ['192.0.2.1'] }, 'denied'],
    [{ allow: ['192.0.2.1'], of: 'peer' }, 'upstream'],
    [{ allow: [{ peer: '192.0.2.1' }] }, 'upstream'],
    [{ allow: [{ client: '10.0.0.1' }], of: 'peer' }, 'upstream'],
    [{ allow: ['203.0.113.9', { peer: '192.0.2.1' }] }, 'upstream'],
    [{ deny: ['203.0.113.9', { peer: '192.0.2.0/24' }] }, 'denied'],
    [{ deny: [{ peer: '10.0.0.1' }, { client: '192.0.2.1' }] }, 'upstream'],
  ])('%j judges the client 10.0.0.1 behind the proxy 192.0.2.1: %s', async (options, outcome) => {
    expect(await ask(options, { clientIp: '10.0.0.1', peerIp: '192.0.2.1' })).toBe(outcome);
  });

  it.each([
    null,
    {},
    [],
    { allow: {} },
    { allow: { client: [] } },
    { allow: { client: [1] } },
    { deny: { remote: ['::/0'] } },
    { allow: { client: ['x'] } },
    { allow: { client: ['::/0'] }, mode: 1 },
  ])('does not take the payload %j', (config) =>
    expect(() => policyHandler('ip')?.create(config, runtimeOf({}))).toThrow(),
  );
});

describe('lowering', () => {
  it('keeps a minimal list', () => {
    const allow = ['10.1.0.0/16', '::1', '10.0.0.0/8', { peer: '192.0.2.7' }, '10.0.0.0/8', '::ffff:9.9.9.9'];
    expect(lowered('ip', { allow })).toEqual({
      allow: { client: ['9.9.9.9/32', '10.0.0.0/8', '::1/128'], peer: ['192.0.2.7/32'] },
    });
  });

  it('says which range is none, each of them, and refuses', () => {
    const { config, findings } = lowerOptions('ip', {
      allow: ['10.0.0.0/8', '10.0.0.0/40'],
      deny: [{ peer: 'localhost' }],
    });
    expect(config).toBeNull();
    expect(findings).toMatchObject([
      { code: 'ip-range-invalid', severity: 'error', path: 'spec.ip.allow[1]' },
      { code: 'ip-range-invalid', severity: 'error', path: 'spec.ip.deny[0]' },
    ]);
  });

  it('warns of an address that stands for its range', () => {
    const { config, findings } = lowerOptions('ip', { deny: ['10.1.2.3/8'] });
    expect(config).toEqual({ deny: { client: ['10.0.0.0/8'] } });
    expect(findings).toMatchObject([{ code: 'ip-range-host-bits', severity: 'warning', path: 'spec.ip.deny[0]' }]);
    expect(findings[0]?.hint).toContain('10.0.0.0/8');
  });

  it.each([
    [{}, 'spec.ip', 'needs `allow` or `deny`'],
    [{ allow: [] }, 'spec.ip.allow', 'nobody'],
    [{ allow: '10.0.0.0/8' }, 'spec.ip.allow', 'array'],
    [{ allow: [{ remote: '10.0.0.0/8' }] }, 'spec.ip.allow[0]', '{ client: … }'],
    [{ alow: ['10.0.0.0/8'] }, 'spec.ip.alow', 'unknown option'],
    [{ deny: ['::1'], of: 'proxy' }, 'spec.ip.of', 'client'],
  ])('refuses %j', (options, path, message) => {
    const { config, findings } = lowerOptions('ip', options);
    expect(config).toBeNull();
    const found = findings.find((finding) => finding.path === path);
    expect(found).toMatchObject({ code: 'policy-options-invalid', severity: 'error' });
    expect(found?.message).toContain(message);
  });

  it('explains', () => {
    const config = lowered('ip', { deny: ['10.0.0.0/8'] });
    const explain = (clientIp: string) => policyLowering('ip')?.explain(config, factsOf({ clientIp }));
    expect(explain('10.0.0.1')).toMatchObject({ input: { clientIp: '10.0.0.1' }, answersWith: 403 });
    expect(explain('11.0.0.1')).not.toHaveProperty('answersWith');
  });
});
