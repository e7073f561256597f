/**
 * Says what the gateway would do with a request and why: pure and offline, by the Worker's own code for
 * target check, canonical path, client address, headers, matching and planning.
 */
import type { RouteModel } from '../model/route-model.ts';
import type { RequestFacts } from '../policies/contract.ts';
import type { CompiledDomain, RouteProgram } from '../program/route-program.ts';
import type { Candidate } from '../gateway/matcher.ts';
import { createMemoryView, type MemoryView } from '../gateway/program-view.ts';
import { readRequest } from '../gateway/read-request.ts';
import { GatewayError } from '../diagnostics/errors.ts';
import { errorAnswer, respondAnswer, type Answer } from './answer-route.ts';
import { createPolicyJudge, type PolicyJudge } from './decide-policies.ts';
import type { Explanation, NearMiss } from './explanation.ts';
import { domainsByCloseness, listInOtherDomains, listUnattached } from './elsewhere.ts';
import { listNearMisses, MOST_NEAR_MISSES } from './near-misses.ts';
import { createOfflineRuntime, type ExplainKnowledge } from './offline-runtime.ts';
import { receiveProbe, writtenPath, type ProbeRequest, type ReceivedProbe } from './probe-request.ts';
import { listShares, type Share } from './shares.ts';
import { createSourceFinder, type SourceFinder } from './sources.ts';

export type ExplainOptions = {
  /** Model of the same build: gives routes their file and line. Default none. */
  readonly model?: Pick<RouteModel, 'routes' | 'domains'> | null;
  /** For `%START_TIME%` in header values. Default the start of 1970, so that equal questions get equal answers. */
  readonly startTime?: Date;
  /** What is known of the surroundings. Default nothing: what would have to be asked is `unknown`. */
  readonly knowledge?: ExplainKnowledge;
};

/** The explanation and what it was made from, for people and for comparing with a real gateway. */
export type Explained = {
  readonly explanation: Explanation;
  /** null when the request was refused before its domain was looked for, or has none. */
  readonly domain: CompiledDomain | null;
  /** null when the request was refused while it was read. */
  readonly facts: RequestFacts | null;
  /** Everything this request could get; their weights add up to 100. */
  readonly shares: readonly Share[];
};

export interface Explainer {
  /** The request must be one that can be sent, see `requestProblem`. */
  explain(request: ProbeRequest): Promise<Explained>;
}

/** Stands for the random part of a request id, so that equal questions get equal answers. */
const REQUEST_ID = '00000000-0000-4000-8000-000000000000';

export async function explainRequest(
  program: RouteProgram,
  request: ProbeRequest,
  options: ExplainOptions = {},
): Promise<Explanation> {
  return (await createExplainer(program, options).explain(request)).explanation;
}

/** Prepared once for many requests. */
export function createExplainer(program: RouteProgram, options: ExplainOptions = {}): Explainer {
  const view = createMemoryView(program, 'explain');
  const sources = createSourceFinder(options.model ?? null);
  const startTime = options.startTime ?? new Date(0);
  const model = options.model ?? null;
  const judge = createPolicyJudge(createOfflineRuntime(options.knowledge ?? {}, program));
  return { explain: (request) => explain(request, { program, model, view, sources, startTime, judge }) };
}

type Prepared = {
  readonly program: RouteProgram;
  readonly model: Pick<RouteModel, 'routes' | 'domains'> | null;
  readonly view: MemoryView;
  readonly sources: SourceFinder;
  readonly startTime: Date;
  readonly judge: PolicyJudge;
};

async function explain(request: ProbeRequest, prepared: Prepared): Promise<Explained> {
  const { program, view, sources, startTime, judge } = prepared;
  const { settings } = program;
  const received = receiveProbe(request, settings);
  let facts: RequestFacts | null;
  try {
    facts = readFacts(received, program);
  } catch (error) {
    return early(request, errorAnswer(error));
  }
  if (facts === null) return early(request, respondAnswer(204, 'a question about the server, not about a path'));
  const site = view.find(facts.hostname, facts.authority);
  if (site === null) {
    const error = new GatewayError(404, 'host-not-served', 'No domain of this gateway has this host name.');
    const nearMisses = [...nearDomains(facts, prepared), ...elsewhere(facts, null, prepared)].slice(
      0,
      MOST_NEAR_MISSES,
    );
    return early(request, errorAnswer(error), { facts, nearMisses });
  }
  const { domain } = site;
  const { refuse } = domain;
  if (refuse !== undefined) {
    return early(request, errorAnswer(new GatewayError(refuse.status, refuse.code, refuse.message)), { facts, domain });
  }
  const candidates = view.judge(facts, 0) ?? [];
  const context = { facts, protocol: received.transport.protocol, startTime, response: null, consumer: null };
  const shares = await listShares(
    {
      context,
      received: received.head.headers,
      settings,
      site,
      transportScheme: received.transport.scheme,
      sources,
      judge,
    },
    candidates,
  );
  return {
    explanation: toExplanation(request, { facts, domain, shares, candidates }, prepared),
    domain,
    facts,
    shares,
  };
}

function readFacts({ head, transport }: ReceivedProbe, { settings }: RouteProgram): RequestFacts | null {
  const facts = readRequest(head, transport, settings);
  if (facts === null) return null;
  const sent = head.headers.get('x-request-id');
  if (sent === facts.requestId) return facts;
  facts.headers.set('x-request-id', REQUEST_ID);
  return Object.freeze({ ...facts, requestId: REQUEST_ID });
}

type Judged = {
  readonly facts: RequestFacts;
  readonly domain: CompiledDomain;
  readonly shares: readonly Share[];
  /** Of a draw of 0. */
  readonly candidates: readonly Candidate[];
};

function toExplanation(
  request: ProbeRequest,
  { facts, domain, shares, candidates }: Judged,
  prepared: Prepared,
): Explanation {
  const { view, sources } = prepared;
  const main = shares.reduce((best, share) => (share.weight > best.weight ? share : best));
  const { route, answer, policies, consumer } = main;
  const reachable = new Set(shares.flatMap((share) => (share.route === null ? [] : [share.route])));
  const misses = listNearMisses({
    candidates: main.draw === 0 ? candidates : (view.judge(facts, main.draw) ?? []),
    facts,
    winner: route,
    reachable,
    sources,
  });
  const others = answer.outcome === 'no-route' ? elsewhere(facts, domain, prepared) : [];
  return {
    ...answerKeys(answer),
    route: route === null ? null : { id: route.id, source: sources.route(route) },
    nearMisses: [...misses, ...others].slice(0, MOST_NEAR_MISSES),
    policies,
    consumer: consumer === null ? null : { id: consumer.id, kind: consumer.kind, plan: consumer.plan },
    request: { path: writtenPath(request.url), canonicalPath: facts.path },
    upstream: answer.upstream,
    candidates: shares.flatMap((share) => {
      const { upstream } = share.answer;
      return upstream === null ? [] : [{ url: upstream.url, weight: share.weight }];
    }),
    location: answer.location,
  };
}

function elsewhere(facts: RequestFacts, own: CompiledDomain | null, prepared: Prepared): readonly NearMiss[] {
  const { program, model, sources } = prepared;
  return [...listInOtherDomains(program, facts, own, sources), ...(model === null ? [] : listUnattached(model, facts))];
}

/** For a host that no domain serves: what it may have been meant to be. */
function nearDomains(facts: RequestFacts, { program, sources }: Prepared): readonly NearMiss[] {
  return domainsByCloseness(program.domains, facts.hostname).flatMap((domain) => {
    const source = sources.domain(domain);
    const { hostname } = domain;
    return source === null ? [] : [{ source, failed: 'hostname', expected: hostname, actual: facts.hostname }];
  });
}

type Known = {
  readonly facts?: RequestFacts;
  readonly domain?: CompiledDomain;
  readonly nearMisses?: readonly NearMiss[];
};

/** An answer that was clear before any route was looked at. */
function early(request: ProbeRequest, answer: Answer, known: Known = {}): Explained {
  const { facts = null, domain = null, nearMisses = [] } = known;
  const explanation: Explanation = {
    ...answerKeys(answer),
    route: null,
    nearMisses,
    policies: [],
    consumer: null,
    request: { path: writtenPath(request.url), canonicalPath: facts?.path ?? null },
    upstream: null,
    candidates: [],
    location: null,
  };
  return {
    explanation,
    domain,
    facts,
    shares: [{ weight: 100, draw: 0, route: null, policies: [], consumer: null, answer }],
  };
}

function answerKeys({ outcome, status, code }: Answer): Pick<Explanation, 'outcome' | 'status' | 'code'> {
  return { outcome, status, code };
}
