/** What the Worker gets of an `authorize` policy: checked source texts, which it parses once per loaded route. */
import type { CompiledRegex } from '../../program/route-program.ts';

export type CompiledAuthorize = {
  /** In the order in which they are asked: under `deny-overrides` the deny rules stand first. */
  readonly rules: readonly CompiledRule[];
  readonly dryRun?: true;
  /** Every pattern that a rule hands to `matches`, compiled for searching. */
  readonly patterns?: { readonly [pattern: string]: CompiledRegex };
};

export type CompiledRule = {
  readonly name: string;
  readonly effect: 'allow' | 'deny';
  /** CEL of type bool. */
  readonly when: string;
  /** The variables that `when` reads, sorted. */
  readonly reads: readonly string[];
  readonly code?: string;
  readonly scope?: readonly string[];
  readonly dryRun?: true;
};
