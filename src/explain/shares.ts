/**
 * All answers that one request could get, with their shares.
 *
 * A gateway draws one number per request; canaries compare it with their thresholds, so between two
 * thresholds every request gets the same route. One draw per such interval, judged by the Worker's own
 * code, therefore says everything, fall-through included.
 */
import type { CompiledRoute } from '../program/route-program.ts';
import type { Candidate } from '../gateway/matcher.ts';
import type { Site } from '../gateway/program-view.ts';
import { selectRoute } from '../gateway/security.ts';
import { secureLocation } from '../gateway/upstream/redirect.ts';
import {
  answerRoute,
  errorAnswer,
  explainPolicies,
  redirectAnswer,
  type Answer,
  type RouteRequest,
} from './answer-route.ts';
import type { ExplainedPolicy } from './explanation.ts';
import type { SourceFinder } from './sources.ts';

export type Share = {
  /** Percent, more than 0. */
  readonly weight: number;
  /** The smallest draw, in [0, 100), that leads here. */
  readonly draw: number;
  readonly route: CompiledRoute | null;
  readonly policies: readonly ExplainedPolicy[];
  readonly answer: Answer;
};

export type SharedRequest = RouteRequest & {
  readonly site: Site;
  readonly transportScheme: 'http' | 'https';
  readonly sources: SourceFinder;
};

/** In the order of the draw. @param matching the candidates of a draw of 0 */
export function listShares(request: SharedRequest, matching: readonly Candidate[]): readonly Share[] {
  const thresholds = matching.flatMap(({ route: { below }, miss }) =>
    miss === null && below !== undefined && below > 0 && below < 100 ? [below] : [],
  );
  const starts = [...new Set([0, ...thresholds])].toSorted((a, b) => a - b);
  const ranges: Range[] = [];
  for (const draw of starts) {
    const answers = answersAt(draw, request);
    const last = ranges.at(-1);
    // A threshold of a route that is never asked divides nothing.
    if (last === undefined || !isSame(last.answers, answers)) ranges.push({ draw, answers });
  }
  return ranges.flatMap(({ draw, answers: { route, policies, parts } }, index) => {
    const width = (ranges[index + 1]?.draw ?? 100) - draw;
    return parts.map(({ part, answer }) => ({ weight: rounded(width * part), draw, route, policies, answer }));
  });
}

/** Draws from `draw` to the next range's get these answers. */
type Range = { readonly draw: number; readonly answers: Answers };

type Answers = {
  readonly route: CompiledRoute | null;
  readonly policies: readonly ExplainedPolicy[];
  readonly parts: readonly { readonly part: number; readonly answer: Answer }[];
};

function answersAt(draw: number, request: SharedRequest): Answers {
  const { site, context, transportScheme, settings, sources } = request;
  const { facts } = context;
  const selected = (): CompiledRoute | null => site.matcher.match(facts, draw)?.route ?? null;
  try {
    const verdict = selectRoute(site, { facts, transportScheme, random: draw }, settings);
    if (verdict === 'redirect') {
      const answer = redirectAnswer(301, secureLocation(facts));
      return { route: selected(), policies: [], parts: [{ part: 1, answer }] };
    }
    const { route } = verdict;
    const { policies, answer } = explainPolicies(route, context, sources);
    return { route, policies, parts: answer === null ? answerRoute(route, request) : [{ part: 1, answer }] };
  } catch (error) {
    const answer = errorAnswer(error);
    const route = answer.outcome === 'refuse' ? selected() : null;
    return { route, policies: [], parts: [{ part: 1, answer }] };
  }
}

/** Without a route there is one part, and its code says why. */
function isSame(a: Answers, b: Answers): boolean {
  return a.route === b.route && (a.route !== null || a.parts[0]?.answer.code === b.parts[0]?.answer.code);
}

/** 33.3333 instead of what binary fractions make of a third. */
function rounded(percent: number): number {
  return Math.round(percent * 10_000) / 10_000;
}
