import { describe, expect, it } from 'vitest';
import { policyHandler } from '../../../src/policies/handlers.ts';
import { runtimeOf } from '../chain.ts';
import { lowered, lowerOptions } from '../lowering.ts';

const rule = (when: string) => ({ rules: [{ name: 'r', effect: 'allow', when }] });

describe('expressions that cannot be asked refuse at build', () => {
  it.each([
    ['request.method = "GET"', 'at character 16', 'unexpected character'],
    ['request.method == "GET', 'at character 19', 'unterminated string'],
    ['user.id == "a"', 'at character 1', 'unknown variable: user'],
    ['consumr.id == "a"', 'Did you mean `consumer`?', 'unknown variable: consumr'],
    ['true &&\n  request.pth == "/"', 'at line 2, character 11', 'no such key: pth'],
    ['request.pth == "/"', 'Did you mean `path`?', 'no such key: pth'],
    ['request.path == 1', 'at character 1', 'no such overload: string == int'],
    ['consumer.id', '', 'of type string'],
    ['claims.admin', 'claims.admin == true', 'of type dyn'],
    ['request.path.startWith("/")', 'Did you mean `startsWith`?', 'no function `startWith`'],
    ['request.path.lowerAscii() == "a"', '(?i)', 'no function `lowerAscii`'],
    ['cel.bind(a, 1, a == 1)', '', 'no function `bind`'],
    ['b"{}".json().x == 1', '', 'no function `json`'],
    ['meter_()', '', 'no function `meter_`'],
    ['now.getHours("Europe/Berlin") == 3', 'UTC', 'no time zone'],
    ['now.getDayOfYear() == 3', '', 'no function `getDayOfYear`'],
    ['now > timestamp("yesterday, at noon!!")', 'at character 7', 'cannot be read'],
    ['now > timestamp("2026-01-31T08:00:00")', '2026-01-31T08:00:00Z', 'cannot be read'],
    ['now - now < duration("5 minutes")', 'duration("1h30m")', 'cannot be read'],
    ['request.path.matches(consumer.id)', 'at character 22', 'must be a literal'],
    ['request.path.matches("a" + "b")', 'Write the pattern itself', 'must be a literal'],
    ['request.path.matches("(?=a)")', 'Write it in RE2 syntax', 'RE2 refuses the pattern'],
    ['request.path.matches("(a{30}){30}")', 'at character 22', 'instructions'],
    ['1.matches("a")', '', '`matches` takes a string, not int'],
    ['request.headers.matches("a")', '', '`matches` takes a string, not map<string, string>'],
    ['inCidr(address, consumer.id)', 'at character 17', 'must be a literal'],
    ['inCidr(address, "10.0.0.0/40")', 'inCidr(address, "10.0.0.0/8")', 'no address and no CIDR range'],
    ['inCidr(1, "10.0.0.0/8")', '', '`inCidr` takes a string, not int'],
    ['inCidr(address)', '', 'found no matching overload'],
    ['[1].all(a, [2].all(b, [3].all(c, a + b + c > 0)))', '', 'loop inside 2 others'],
    [`${'('.repeat(200)}true${')'.repeat(200)}`, 'Split', 'exceeded maxDepth'],
    [`${'!'.repeat(4_000)}true`, 'Split', 'exceeded maxAstNodes'],
    [Array.from({ length: 400 }, () => 'true').join(' || '), 'Split', 'exceeded maxAstNodes'],
    [`1 in [${Array.from({ length: 201 }, () => '1').join(',')}]`, 'Split', 'exceeded maxListElements'],
    ['1 == 1 ? true : 5', '', 'must have the same type'],
  ])('%s', (when, clue, message) => {
    const { config, findings } = lowerOptions('authorize', rule(when));
    expect(config).toBeNull();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      code: 'authorize-expression-invalid',
      severity: 'error',
      path: 'spec.authorize.rules[0].when',
    });
    expect(findings[0]?.message).toContain(message);
    expect(`${findings[0]?.message} ${findings[0]?.hint}`).toContain(clue);
  });

  it('all of them are reported at once', () => {
    const { findings } = lowerOptions('authorize', {
      rules: [
        { name: 'a', effect: 'allow', when: 'foo == 1' },
        { name: 'b', effect: 'allow', when: 'request.path.up() == now.local()' },
        { name: 'a', effect: 'deny', when: 'true' },
      ],
    });
    expect(findings.map(({ code, path }) => `${code} ${path}`)).toEqual([
      'authorize-expression-invalid spec.authorize.rules[0].when',
      'authorize-expression-invalid spec.authorize.rules[1].when',
      'authorize-expression-invalid spec.authorize.rules[1].when',
      'authorize-rule-duplicate spec.authorize.rules[2].name',
    ]);
  });
});

describe('options', () => {
  it.each([
    [{ rules: [] }, 'at least one rule'],
    [{}, 'expected array'],
    [{ rules: [{ name: 'a b', effect: 'allow', when: 'true' }] }, 'letters'],
    [{ rules: [{ name: 'a', effect: 'permit', when: 'true' }] }, 'allow'],
    [{ rules: [{ name: 'a', effect: 'allow', when: '' }] }, 'must not be empty'],
    [{ rules: [{ name: 'a', effect: 'allow', when: `"${'a'.repeat(4_095)}" != ""` }] }, '4096'],
    [{ rules: [{ name: 'a', effect: 'allow', when: 'true', code: 'x' }] }, 'deny rule'],
    [{ rules: [{ name: 'a', effect: 'deny', when: 'true', code: 'Not Kebab' }] }, 'kebab-case'],
    [{ rules: [{ name: 'a', effect: 'deny', when: 'true', scope: ['a"b'] }] }, 'scope'],
    [{ rules: [{ name: 'a', effect: 'deny', when: 'true', scope: [] }] }, 'must not be empty'],
    [{ rules: [{ name: 'a', effect: 'deny', when: 'true', until: 1 }] }, 'unknown option `until`'],
    [{ rules: [{ name: 'a', effect: 'deny', when: 'true' }], mode: 'any' }, 'first-match'],
  ])('%j', (options, message) => {
    const { config, findings } = lowerOptions('authorize', options);
    expect(config).toBeNull();
    expect(findings[0]).toMatchObject({ code: 'policy-options-invalid', severity: 'error' });
    expect(findings[0]?.message).toContain(message);
  });

  it('warns where nothing can be allowed', () => {
    const deny = { name: 'd', effect: 'deny', when: 'true' };
    const dry = { name: 'a', effect: 'allow', when: 'true', dryRun: true };
    for (const rules of [[deny], [dry], [deny, dry]]) {
      expect(lowerOptions('authorize', { rules }).findings).toMatchObject([
        { code: 'authorize-allows-nothing', severity: 'warning', path: 'spec.authorize.rules' },
      ]);
      expect(lowerOptions('authorize', { rules, dryRun: true }).findings).toEqual([]);
    }
  });
});

describe('the program', () => {
  it('holds source texts, what they read and the patterns', () => {
    const options = {
      mode: 'deny-overrides',
      rules: [
        { name: 'a', effect: 'allow', when: 'claims.x == 1 && request.path.matches("^/a")', scope: ['s', 's'] },
        { name: 'b', effect: 'deny', when: 'country == "XX" || consumer.id.matches("(a|b)*c")', code: 'no' },
      ],
    };
    expect(lowered('authorize', options)).toEqual({
      rules: [
        { name: 'b', effect: 'deny', when: options.rules[1]?.when, reads: ['consumer', 'country'], code: 'no' },
        { name: 'a', effect: 'allow', when: options.rules[0]?.when, reads: ['claims', 'request'], scope: ['s'] },
      ],
      patterns: {
        '^/a': expect.objectContaining({ engine: expect.any(String) }),
        '(a|b)*c': expect.objectContaining({ engine: expect.any(String) }),
      },
    });
  });

  it('a pattern that names something of every object is a pattern like any other', () => {
    const config = lowered('authorize', rule('request.path.matches("constructor")'));
    expect(config).toMatchObject({ patterns: { constructor: { engine: expect.any(String) } } });
    expect(() => policyHandler('authorize')?.create(config, runtimeOf({}))).not.toThrow();
  });

  const ok = { name: 'r', effect: 'allow', when: 'true', reads: [] };
  it.each([
    null,
    {},
    { rules: [] },
    { rules: [{ ...ok, effect: 'maybe' }] },
    { rules: [{ ...ok, later: true }] },
    { rules: [{ ...ok, dryRun: false }] },
    { rules: [{ ...ok, scope: 'a' }] },
    { rules: [ok], mode: 'any' },
    { rules: [ok], patterns: { a: 1 } },
    { rules: [{ ...ok, when: 'request.path' }] },
    { rules: [{ ...ok, when: 'nobody == 1' }] },
    { rules: [{ ...ok, when: 'true &&' }] },
    { rules: [{ ...ok, when: 'request.path.matches("a")' }] },
    { rules: [{ ...ok, when: 'request.path.matches("constructor")' }], patterns: {} },
  ])('the handler does not take %j', (config) => {
    expect(() => policyHandler('authorize')?.create(config, runtimeOf({}))).toThrow();
  });
});
