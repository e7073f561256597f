/** Authored form of the `authorize` policy: who may do what, as rules in CEL. */
import * as z from 'zod';

export type AuthorizeOptions = {
  /** 1 to 100. A request that no rule allows is refused. */
  readonly rules: readonly AuthorizeRuleOption[];
  /**
   * `first-match`: the first rule that holds decides. `deny-overrides`: any deny rule that holds refuses,
   * whatever the allow rules say and wherever they stand. Default `first-match`.
   */
  readonly mode?: 'first-match' | 'deny-overrides' | undefined;
  /** Refuses nothing and logs what would have been refused. Default false. */
  readonly dryRun?: boolean | undefined;
};

export type AuthorizeRuleOption = {
  /** Unique in the list; for `explain` and the log, clients never see it. */
  readonly name: string;
  readonly effect: 'allow' | 'deny';
  /** A CEL expression of type bool, at most 4096 characters; docs/policies/authorize.md lists what it may use. */
  readonly when: string;
  /** Of a deny rule: `reason` in the answer's problem body, kebab-case. Default: none. */
  readonly code?: string | undefined;
  /**
   * Scopes of the caller. An allow rule holds only for callers with all of them, a deny rule only for
   * callers who lack one; a refusal for lack of them is `insufficient-scope`. Default: none.
   */
  readonly scope?: readonly string[] | undefined;
  /** The rule decides nothing; what would change if it did is logged. Default false. */
  readonly dryRun?: boolean | undefined;
};

const rule: z.ZodType<AuthorizeRuleOption> = z
  .strictObject({
    name: z.string().regex(/^[\w.-]{1,128}$/, 'must be letters, digits, `-`, `_` and `.`'),
    effect: z.enum(['allow', 'deny']),
    when: z.string().min(1, 'must not be empty; `true` always holds').max(4_096),
    code: z
      .string()
      .max(128)
      .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'must be kebab-case')
      .optional(),
    // RFC 6749 §3.3; anything else could end the quoted string of the challenge.
    scope: z
      .array(
        z
          .string()
          .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, 'must be a scope: visible ASCII without quote and backslash'),
      )
      .min(1, 'must not be empty')
      .max(50)
      .optional(),
    dryRun: z.boolean().optional(),
  })
  .refine(({ effect, code }) => effect === 'deny' || code === undefined, {
    path: ['code'],
    message: 'is what a deny rule answers; an allow rule answers nothing',
  });

export const authorizeOptionsSchema: z.ZodType<AuthorizeOptions> = z.strictObject({
  rules: z.array(rule).min(1, 'needs at least one rule').max(100),
  mode: z.enum(['first-match', 'deny-overrides']).optional(),
  dryRun: z.boolean().optional(),
});
