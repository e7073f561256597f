/** What the compilers of one model share, and how a part of a route reports. */
import { finding, type Finding, type Report, type Severity, type SourceRef } from '../diagnostics/finding.ts';
import type { UsedCounter } from '../policies/contract.ts';
import type { FieldPosition, PolicyUse, Provenance, RegexModel } from '../model/route-model.ts';
import type { CompiledPolicy, CompiledSource, CompiledUpstream } from '../program/route-program.ts';
import { compileRegex, type RegexResult } from './regex.ts';
import type { UpstreamOptions, UpstreamResolver } from './upstreams.ts';

export type CompileContext = {
  readonly resolver: UpstreamResolver;
  readonly regex: (model: RegexModel, full: boolean) => RegexResult;
  readonly target: UpstreamOptions['target'];
  readonly trustedHops: number;
  /** What is the same for every route that uses it. */
  readonly lowered: WeakMap<PolicyUse, LoweredUse>;
};

export type LoweredUse = {
  /** null: the policy cannot be applied. */
  readonly policy: CompiledPolicy | null;
  readonly upstreams: readonly CompiledUpstream[];
  readonly injectedHeaders: readonly string[];
  readonly clientHeaders: readonly string[];
  readonly counters: readonly UsedCounter[];
  readonly findings: readonly Finding[];
};

/** One route being compiled. */
export type RouteContext = CompileContext & { readonly source: Provenance; readonly report: Report };

/** Patterns repeat across routes; each is checked once per compiler. */
export function createRegexCompiler(): CompileContext['regex'] {
  const results = new Map<string, RegexResult>();
  return ({ pattern, maxProgramSize }, full) => {
    const key = `${full ? 'f' : 's'}${maxProgramSize ?? ''}:${pattern}`;
    let result = results.get(key);
    if (result === undefined) {
      result = compileRegex(pattern, { full, ...(maxProgramSize === undefined ? {} : { maxProgramSize }) });
      results.set(key, result);
    }
    return result;
  };
}

export type Problem = { readonly code: string; readonly message: string; readonly hint: string | null };

/** Reports at the field when the model knows it, else at the route. */
export function reportAt(context: RouteContext, severity: Severity, problem: Problem, at?: FieldPosition): void {
  const { path, ...source } = context.source;
  const place: SourceRef = at === undefined ? source : { ...source, line: at.line ?? source.line };
  context.report(
    finding(severity, problem.code, problem.message, { source: place, path: at?.path ?? path, hint: problem.hint }),
  );
}

/** Provenance without file and line, so that moving a document inside a file changes nothing. */
export function compiledSource({ kind, namespace, name, cluster }: SourceRef): CompiledSource {
  return cluster === undefined ? { kind, namespace, name } : { kind, namespace, name, cluster };
}
