/** Authored options → checked options, with one finding per problem. Shared by every lower.ts. */
import type * as z from 'zod';
import { finding, type Severity, type SourceRef } from '../diagnostics/finding.ts';
import { nearest } from '../diagnostics/nearest.ts';
import type { LowerContext } from './contract.ts';

/** The checked options, or null after reporting every problem as an error `policy-options-invalid`. */
export function parseOptions<T>(
  schema: z.ZodType<T>,
  options: unknown,
  { policy, knownKeys, context }: { policy: string; knownKeys: readonly string[]; context: LowerContext },
): T | null {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  for (const issue of result.error.issues.flatMap(meantIssues)) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const near = nearest(key, knownKeys);
        const hint = near === null ? `Known options: ${knownKeys.join(', ')}.` : `Did you mean \`${near}\`?`;
        reportOption(context, 'error', 'policy-options-invalid', {
          message: `Policy ${policy}: unknown option \`${key}\`. The route refuses requests, because the policy cannot be applied as written.`,
          at: [...issue.path, key],
          hint,
        });
      }
      continue;
    }
    reportOption(context, 'error', 'policy-options-invalid', {
      message: `Policy ${policy}: ${issue.message}. The route refuses requests, because the policy cannot be applied as written.`,
      at: issue.path,
      hint: null,
    });
  }
  return null;
}

/** Of a union the one mistake inside the branch that alone could have been meant. Else that it is none of them. */
function meantIssues(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const [meant, ...others] = issue.errors.filter((branch) => branch.every(({ path }) => path.length > 0));
  const inner = meant?.length === 1 && others.length === 0 ? meant[0] : undefined;
  return inner === undefined ? [issue] : meantIssues({ ...inner, path: [...issue.path, ...inner.path] });
}

/** Reports one finding about an option; `at` is the path inside the options. */
export function reportOption(
  context: LowerContext,
  severity: Severity,
  code: string,
  { message, at, hint }: { message: string; at: readonly PropertyKey[]; hint: string | null },
): void {
  const { path: base, ...rest } = context.source;
  const source: SourceRef = rest;
  const inner = at.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  const path = base === null ? inner.replace(/^\./, '') : `${base}${inner}`;
  context.report(finding(severity, code, message, { source, path: path === '' ? null : path, hint }));
}
