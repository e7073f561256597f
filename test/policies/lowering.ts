/** Lowers options and keeps what was reported. */
import { compileRegex } from '../../src/compile/regex.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import type { Json } from '../../src/model/route-model.ts';
import type { LowerContext, PolicyLowering } from '../../src/policies/contract.ts';
import { policyLowering } from '../../src/policies/lowerings.ts';

export type LowerPlace = Partial<Pick<LowerContext, 'target' | 'trustedHops'>> & {
  /** In place of the registered one. */
  readonly lowering?: PolicyLowering;
};

export function lowerOptions(
  policy: string,
  options: unknown,
  { target = 'self-hosted', trustedHops = 0, lowering: given }: LowerPlace = {},
): { config: Json | null; findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const lowering = given ?? policyLowering(policy);
  if (lowering === null) throw new Error(`no policy ${policy}`);
  const source = { kind: 'Mapping', namespace: 'default', name: 'm', file: 'a.yaml', line: 7, path: `spec.${policy}` };
  const config = lowering.lower(options, {
    routeId: 'Mapping/default/m',
    source,
    report: (finding) => findings.push(finding),
    target,
    trustedHops,
    upstream: ({ scheme, host, port }) => {
      const origin = `${scheme}://${host}:${port}`;
      return { upstream: origin.replace('://', '/'), origin, via: { kind: 'binding' } };
    },
    regex: (model, full) => {
      const result = compileRegex(model.pattern, { full });
      return 'regex' in result ? result.regex : { code: 'regex-invalid', message: result.error, hint: null };
    },
  });
  return { config, findings };
}

/** Lowers options that must be right. */
export function lowered(policy: string, options: unknown, platform?: LowerPlace): Json {
  const { config, findings } = lowerOptions(policy, options, platform);
  if (config === null) throw new Error(findings.map(({ message }) => message).join('\n'));
  return config;
}
