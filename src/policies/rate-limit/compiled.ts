/** What the Worker gets of a `rate-limit` policy. */
export type CompiledRateLimit = { readonly limits: readonly CompiledLimit[] };

export type CompiledLimit = {
  /** Name shown to clients: unique inside the policy, printable ASCII without quote and backslash. */
  readonly label: string;
  /** Counter identity up to the client address, which is appended. */
  readonly keyPrefix: string;
  /** Compiled glob, see glob.ts; absent: every path. */
  readonly pattern?: readonly string[];
  readonly rate: number;
  readonly periodMs: number;
  readonly burst: number;
};
