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
import type { Consumer, RequestFacts } from '../policies/contract.ts';
import { answerRoute, errorAnswer, redirectAnswer, type Answer, type RouteRequest } from './answer-route.ts';
import type { PolicyJudge } from './decide-policies.ts';
import type { ExplainedPolicy } from './explanation.ts';
import type { SourceFinder } from './sources.ts';

export type Share = {
  /** Percent, more than 0. */
  readonly weight: number;
  /** The smallest draw, in [0, 100), that leads here. */
  readonly draw: number;
  readonly route: CompiledRoute | null;
  readonly policies: readonly ExplainedPolicy[];
  readonly consumer: Consumer | null;
  readonly answer: Answer;
};

export type SharedRequest = RouteRequest & {
  readonly site: Site;
  readonly transportScheme: 'http' | 'https';
  readonly sources: SourceFinder;
  readonly judge: PolicyJudge;
};

/** In the order of the draw. @param matching the candidates of a draw of 0 */
export async function listShares(request: SharedRequest, matching: readonly Candidate[]): Promise<readonly Share[]> {
  const thresholds = matching.flatMap(({ route: { below }, miss }) =>
    miss === null && below !== undefined && below > 0 && below < 100 ? [below] : [],
  );
  const starts = [...new Set([0, ...thresholds])].toSorted((a, b) => a - b);
  const ranges: Range[] = [];
  for (const draw of starts) {
    const answers = await answersAt(draw, request);
    const last = ranges.at(-1);
    // A threshold of a route that is never asked divides nothing.
    if (last === undefined || !isSame(last.answers, answers)) ranges.push({ draw, answers });
  }
  return ranges.flatMap(({ draw, answers: { route, policies, consumer, parts } }, index) => {
    const width = (ranges[index + 1]?.draw ?? 100) - draw;
    return parts.map(({ part, answer }) => ({
      weight: rounded(width * part),
      draw,
      route,
      policies,
      consumer,
      answer,
    }));
  });
}

/** Draws from `draw` to the next range's get these answers. */
type Range = { readonly draw: number; readonly answers: Answers };

type Answers = {
  readonly route: CompiledRoute | null;
  readonly policies: readonly ExplainedPolicy[];
  readonly consumer: Consumer | null;
  readonly parts: readonly { readonly part: number; readonly answer: Answer }[];
};

async function answersAt(draw: number, request: SharedRequest): Promise<Answers> {
  const { site, context, settings, sources, judge } = request;
  const { facts } = context;
  const selected = (): CompiledRoute | null => site.matcher.match(facts, draw)?.route ?? null;
  const nobody = { policies: [], consumer: null };
  try {
    const first = select(facts, draw, request);
    if ('outcome' in first) return { route: selected(), ...nobody, parts: [{ part: 1, answer: first }] };
    const rematch = (changed: RequestFacts): CompiledRoute | Answer => select(changed, draw, request);
    const verdict = await judge.decide({ route: first, facts, sources, rematch });
    const { route, policies, consumer, answer } = verdict;
    if (answer !== null) return { route, policies, consumer, parts: [{ part: 1, answer }] };
    const forwarded = { ...request, context: { ...context, facts: verdict.facts, consumer }, settings };
    return { route, policies, consumer, parts: answerRoute(route, forwarded) };
  } catch (error) {
    const answer = errorAnswer(error);
    const route = answer.outcome === 'refuse' ? selected() : null;
    return { route, ...nobody, parts: [{ part: 1, answer }] };
  }
}

/** Throws GatewayError when nothing serves the request. */
function select(facts: RequestFacts, draw: number, request: SharedRequest): CompiledRoute | Answer {
  const { site, transportScheme, settings } = request;
  const verdict = selectRoute(site, { facts, transportScheme, random: draw }, settings);
  return verdict === 'redirect' ? redirectAnswer(301, secureLocation(facts)) : verdict.route;
}

/** Without a route there is one part, and its code says why. */
function isSame(a: Answers, b: Answers): boolean {
  return a.route === b.route && (a.route !== null || a.parts[0]?.answer.code === b.parts[0]?.answer.code);
}

/** 33.3333 instead of what binary fractions make of a third. */
function rounded(percent: number): number {
  return Math.round(percent * 10_000) / 10_000;
}
