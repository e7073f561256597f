/** What a running gateway answered to a route test, compared with what the test expects. */
import type { Outcome } from './explanation.ts';
import type { Share } from './shares.ts';
import { isRecord } from './expectation-shape.ts';
import type { Expectation } from './parse-route-tests.ts';
import { splitUrl } from './probe-request.ts';
import { differences, type Difference } from './subset.ts';

/** `undefined`: cannot be told from outside. */
export type LiveAnswer = {
  /** What it may have been: without a body, or behind a backend that is no echo, several look the same. */
  readonly outcomes: readonly Outcome[];
  /** null: the backend's own. */
  readonly status: number | null;
  readonly code: string | null | undefined;
  readonly location: string | null;
  /** What the echo backend says it received; null: no echo backend answered. */
  readonly upstream: LiveUpstream | null | undefined;
};

export type LiveUpstream = {
  /** Path and query. */
  readonly url: string;
  readonly host: string | null;
  /** As in an Explanation. */
  readonly headers: Readonly<Record<string, string>>;
};

export type LiveResponse = {
  readonly method: string;
  readonly status: number;
  readonly contentType: string | null;
  readonly location: string | null;
  readonly body: string;
};

const NO_ROUTE_CODES = new Set(['no-route', 'host-not-served']);

/** Reads a response: a problem document is the gateway's no, an echo report is a backend's. */
export function toLiveAnswer({ method, status, contentType, location, body }: LiveResponse): LiveAnswer {
  const answer = { status, code: null, location, upstream: null } as const;
  const noBody = method === 'HEAD' || status === 101;
  if (contentType?.startsWith('application/problem+json') === true) {
    if (noBody) return { ...answer, outcomes: ['refuse', 'no-route'], code: undefined };
    const problem = parseJson(body);
    const code = isRecord(problem) && typeof problem['code'] === 'string' ? problem['code'] : null;
    return { ...answer, outcomes: [code !== null && NO_ROUTE_CODES.has(code) ? 'no-route' : 'refuse'], code };
  }
  const upstream = noBody ? null : readEcho(parseJson(body));
  if (upstream !== null) return { ...answer, outcomes: ['forward'], status: null, upstream };
  if (status === 101) return { ...answer, outcomes: ['forward'], status: null, upstream: undefined };
  if (location !== null && status >= 300 && status < 400) return { ...answer, outcomes: ['redirect'] };
  // A backend may have given any status, so only the expectation tells whether this one is the gateway's.
  return { ...answer, outcomes: ['forward', 'respond'], upstream: noBody ? undefined : null };
}

export type LiveResult = {
  readonly differences: readonly Difference[];
  /** Top-level keys of the expectation that only the offline run can tell. */
  readonly offlineOnly: readonly string[];
};

/**
 * Compares what can be seen from outside. When the gateway shares such requests by weight, any of its
 * answers will do, provided that the expectation describes one of them.
 */
export function compareLive(expect: Expectation, live: LiveAnswer, shares: readonly Share[]): LiveResult {
  const seen = visibleOf(live, expect['outcome']);
  const offlineOnly = Object.keys(expect).filter((key) => !Object.hasOwn(seen, key));
  const expected = withPathOnly(onlyKeysOf(expect, seen));
  const missed = differences(seen, expected);
  if (missed.length === 0 || shares.length < 2) return { differences: missed, offlineOnly };
  const describesOne = shares.some(({ answer }) => differences(shareAnswer(answer, live), expected).length === 0);
  const isAnother = shares.some(({ answer }) => {
    const wanted = onlyHeadersOf(shareAnswer(answer, live), expected);
    return differences(visibleOf(live, answer.outcome), wanted).length === 0;
  });
  return { differences: describesOne && isAnother ? [] : missed, offlineOnly };
}

/** The keys of an Explanation that this answer shows, to be held against one that expects `outcome`. */
function visibleOf({ outcomes, ...others }: LiveAnswer, outcome: unknown): Expectation {
  const known = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  if (outcomes.length === 1) return { ...known, outcome: outcomes[0] };
  return outcomes.some((each) => each === outcome) ? known : { ...known, outcome: outcomes.join(' or ') };
}

function onlyKeysOf(expect: Expectation, seen: Expectation): Expectation {
  return Object.fromEntries(Object.entries(expect).filter(([key]) => Object.hasOwn(seen, key)));
}

/** An expectation's upstream URL says where to; the backend saw the path only. */
function withPathOnly(expect: Expectation): Expectation {
  const { upstream } = expect;
  if (!isRecord(upstream) || typeof upstream['url'] !== 'string') return expect;
  return { ...expect, upstream: { ...upstream, url: splitUrl(upstream['url']).target } };
}

function shareAnswer({ outcome, status, code, location, upstream }: Share['answer'], live: LiveAnswer): Expectation {
  const seen = upstream === null ? null : { ...upstream, url: splitUrl(upstream.url).target };
  return onlyKeysOf({ outcome, status, code, location, upstream: seen }, visibleOf(live, outcome));
}

/** Of another share's answer only the headers that the test is about count: request ids and the like differ. */
function onlyHeadersOf(answer: Expectation, expected: Expectation): Expectation {
  const { upstream } = answer;
  if (!isRecord(upstream) || !isRecord(upstream['headers'])) return answer;
  const wanted = isRecord(expected['upstream']) ? expected['upstream']['headers'] : undefined;
  const own = upstream['headers'];
  const names = isRecord(wanted) ? Object.keys(wanted) : [];
  return {
    ...answer,
    upstream: { ...upstream, headers: Object.fromEntries(names.map((name) => [name, own[name] ?? null])) },
  };
}

function readEcho(report: unknown): LiveUpstream | null {
  if (!isRecord(report) || typeof report['url'] !== 'string' || typeof report['service'] !== 'string') return null;
  const pairs: unknown = report['headers'];
  if (!Array.isArray(pairs)) return null;
  const headers: Record<string, string> = {};
  for (const pair of pairs as readonly unknown[]) {
    if (!Array.isArray(pair)) return null;
    const [name, value]: readonly unknown[] = pair;
    if (typeof name !== 'string' || typeof value !== 'string') return null;
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
  }
  return { url: report['url'], host: headers['host'] ?? null, headers };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
