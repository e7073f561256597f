/**
 * The rank of one route match by Ambassador's rule. Mappings and routes of routes.config.ts use this
 * one function, so both sort into one list by the same facts.
 *
 * In order: merge tier, precedence, length of the path text, header text, query text, the path text,
 * the method, then one string per header and per parameter. compareRank reads it; a longer list of
 * strings beats the shorter one it extends, and the tie-break decides only between equal lists.
 */
import type { RankKey } from './route-model.ts';

/** One header or query condition. `value` null: presence only. */
export type RankedCondition = { readonly name: string; readonly value: string | null; readonly regex: boolean };

export type RouteRankFacts = {
  /** 0 for everything that exists today; see ARCHITECTURE.md, "Merge order". */
  readonly tier: number;
  readonly precedence: number;
  /** Path text as written: prefix, exact path or the text of the regex. Kinds get no bonus. */
  readonly prefix: string;
  /** In this order: exact headers as written, then regex headers. Without `:authority` and `:method`. */
  readonly headers: readonly RankedCondition[];
  readonly query: readonly RankedCondition[];
  /** null: any; ranks like `GET`, but without the text that a written method adds. */
  readonly method: string | null;
  readonly methodRegex?: boolean;
  /** Host restriction as written, `*` included; null: none. */
  readonly hostname: string | null;
  readonly hostnameRegex?: boolean;
  readonly tie: RankTie;
};

export type RankTie = {
  /** 0: routes.config.ts, which goes first on a full tie; 1: a resource. */
  readonly owner: 0 | 1;
  /** Unique name, for example `namespace/name` of the group; smaller goes first. */
  readonly name: string;
  /** Position inside a canary group; smaller goes first. Default 0. */
  readonly member?: number;
};

export function routeRankKey(facts: RouteRankFacts): RankKey {
  return [...comparableRank(facts), ...tieTerms(facts.tie)];
}

/**
 * The key without its tie-break: what a group compares its members by. The key of the group is the
 * largest of these with `tieTerms` behind it.
 */
export function comparableRank(facts: Omit<RouteRankFacts, 'tie'>): RankKey {
  const headers = withPseudoHeaders(facts);
  return [
    facts.tier,
    facts.precedence,
    textLength(facts.prefix),
    totalLength(headers),
    totalLength(facts.query),
    facts.prefix,
    facts.method ?? 'GET',
    ...headers.map(conditionText),
    ...facts.query.map(conditionText),
  ];
}

export function tieTerms({ owner, name, member }: RankTie): RankKey {
  return [{ ascending: owner }, { ascending: name }, { ascending: member ?? 0 }];
}

function withPseudoHeaders(facts: Omit<RouteRankFacts, 'tie'>): readonly RankedCondition[] {
  const { hostname, method } = facts;
  return [
    ...facts.headers,
    ...(hostname === null ? [] : [{ name: ':authority', value: hostname, regex: facts.hostnameRegex === true }]),
    ...(method === null ? [] : [{ name: ':method', value: method, regex: facts.methodRegex === true }]),
  ];
}

function totalLength(conditions: readonly RankedCondition[]): number {
  let total = 0;
  for (const { name, value, regex } of conditions) {
    total += textLength(name) + textLength(conditionValue(value)) + (regex ? 1 : 0);
  }
  return total;
}

function conditionText({ name, value }: RankedCondition): string {
  return `${name}-${conditionValue(value)}`;
}

/** An empty value counts as a presence test does. */
function conditionValue(value: string | null): string {
  return value === null || value === '' ? '*' : value;
}

/** In code points, as the rule counts them. */
function textLength(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}
