/** What `explain` answers. Keys are public (`portolan explain --json`, `expect` of a route test); absent things are null. */
import type { SourceRef } from '../diagnostics/finding.ts';
import type { Json } from '../model/route-model.ts';

/**
 * `forward`: a backend answers. `redirect`: sent elsewhere. `respond`: the gateway answers as it was told
 * to. `refuse`: the gateway says no, `code` says why. `no-route`: nothing serves this request.
 */
export type Outcome = 'forward' | 'redirect' | 'respond' | 'refuse' | 'no-route';

export const OUTCOMES = ['forward', 'redirect', 'respond', 'refuse', 'no-route'] as const satisfies readonly Outcome[];

export type Explanation = {
  readonly outcome: Outcome;
  /** null when the backend decides. */
  readonly status: number | null;
  /** Code of the problem document, see docs/errors.md. */
  readonly code: string | null;
  /** The route that decides, also when it refuses. */
  readonly route: { readonly id: string; readonly source: SourceRef } | null;
  /** At most five, best first. */
  readonly nearMisses: readonly NearMiss[];
  /** In chain order, up to the one that answers. */
  readonly policies: readonly ExplainedPolicy[];
  /** Who is calling; null: no policy asked, or it could not be known. */
  readonly consumer: { readonly id: string; readonly kind: string; readonly plan: string | null } | null;
  readonly request: {
    /** As sent, without query. */
    readonly path: string;
    /** What routes, policies and backends see; null when the request is refused before. */
    readonly canonicalPath: string | null;
  };
  readonly upstream: ExplainedUpstream | null;
  /** Every forward that this request could get, in the order tried. */
  readonly candidates: readonly ExplainedCandidate[];
  readonly location: string | null;
};

export type NearMiss = {
  readonly source: SourceRef;
  /**
   * The first test that failed: `path`, `method`, `headers.<name>`, `query.<name>`, `hostname`, `share`;
   * `shadowed` when all hold but another route comes first (its id is in `expected`).
   */
  readonly failed: string;
  readonly expected: string;
  readonly actual: string | null;
};

export type ExplainedPolicy = {
  readonly name: string;
  readonly source: SourceRef;
  /** What the policy looks at. */
  readonly input: Json;
  readonly note: string | null;
  /** null: only the running gateway can say, or it was not reached. `unknown`: something it would ask is not known here. */
  readonly decision: PolicyDecision | null;
  /** Of its refusal, see docs/errors.md. */
  readonly code: string | null;
};

export type PolicyDecision = 'allow' | 'deny' | 'skip' | 'unknown';
export const POLICY_DECISIONS = ['allow', 'deny', 'skip', 'unknown'] as const satisfies readonly PolicyDecision[];

export type ExplainedUpstream = {
  /** Where the gateway connects to, with the path and query that it sends. */
  readonly url: string;
  /** Host header. */
  readonly host: string;
  /** All others, names in lower case, repeated lines joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
};

/** `weight` in percent of the requests that look like this one. */
export type ExplainedCandidate = { readonly url: string; readonly weight: number };
