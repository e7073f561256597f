/** What one route answers to one request, backend by backend: the Worker's own planning, nothing sent. */
import { GatewayError } from '../diagnostics/errors.ts';
import type { GatewaySettings } from '../model/route-model.ts';
import { prepareForward, chooseBackend, planForward, type ForwardPlan } from '../gateway/upstream/plan-forward.ts';
import type { TemplateContext } from '../gateway/upstream/header-template.ts';
import { redirectLocation } from '../gateway/upstream/redirect.ts';
import { wantedUpgrade } from '../gateway/upstream/upgrade.ts';
import type { CompiledBackend, CompiledForward, CompiledRoute } from '../program/route-program.ts';
import type { ExplainedUpstream, Outcome } from './explanation.ts';

export type Answer = {
  readonly outcome: Outcome;
  readonly status: number | null;
  readonly code: string | null;
  /** One sentence for people; null when the outcome says it all. */
  readonly detail: string | null;
  readonly upstream: ExplainedUpstream | null;
  readonly location: string | null;
};

/** `part`: of the requests that get this route, from 0 to 1. */
export type PartialAnswer = { readonly part: number; readonly answer: Answer };

export type RouteRequest = {
  readonly context: TemplateContext;
  /** Headers before sanitising, for the wish to upgrade. */
  readonly received: Headers;
  readonly settings: GatewaySettings;
};

const NOTHING = { status: null, code: null, detail: null, upstream: null, location: null } as const;

export function redirectAnswer(status: number, location: string): Answer {
  return { ...NOTHING, outcome: 'redirect', status, location };
}

export function respondAnswer(status: number, detail: string | null = null): Answer {
  return { ...NOTHING, outcome: 'respond', status, detail };
}

/** A policy said no. */
export function denialAnswer({ status, code, message }: GatewayError): Answer {
  return { ...NOTHING, outcome: 'respond', status, code, detail: message };
}

/** Rethrows what is not a GatewayError: that would be a bug, not an answer. */
export function errorAnswer(error: unknown): Answer {
  if (!(error instanceof GatewayError)) throw error;
  const { status, code, message } = error;
  const outcome = code === 'no-route' || code === 'host-not-served' ? 'no-route' : 'refuse';
  return { ...NOTHING, outcome, status, code, detail: message };
}

/** The action of a route that let the request through; several answers when backends share it by weight. */
export function answerRoute(route: CompiledRoute, request: RouteRequest): readonly PartialAnswer[] {
  const { action } = route;
  const { context, settings } = request;
  switch (action.kind) {
    case 'forward':
      return answerForward(route, action, request);
    case 'redirect':
      return whole(() => redirectAnswer(action.status, redirectLocation(action, context.facts, settings.paths)));
    case 'respond':
      return whole(() => respondAnswer(action.status));
    default:
      return whole(() => refusalAnswer(action.status, action.code, action.message));
  }
}

function answerForward(
  route: CompiledRoute,
  action: CompiledForward,
  { context, received, settings }: RouteRequest,
): readonly PartialAnswer[] {
  const prepared = prepareForward(route, action);
  const plan = (draw: number): Answer => {
    const upgrade = wantedUpgrade(received, route);
    const chosen = chooseBackend(prepared, draw);
    const sent = planForward(chosen, context, settings, route.timeouts);
    if (upgrade !== null) sent.headers.set('upgrade', upgrade);
    return { ...NOTHING, outcome: 'forward', upstream: toUpstream(chosen.backend, sent) };
  };
  const { totalWeight } = prepared;
  if (totalWeight === 0) return whole(() => plan(0));
  let before = 0;
  return action.backends.flatMap(({ weight }) => {
    // The middle of this backend's range of draws.
    const draw = (before + weight / 2) / totalWeight;
    before += weight;
    return weight === 0 ? [] : [{ part: weight / totalWeight, answer: answerOf(() => plan(draw)) }];
  });
}

/**
 * Through a service binding the plan's URL names the Host to send; here the place to connect to says
 * more, and the Host stands beside it.
 */
function toUpstream({ origin }: CompiledBackend, plan: ForwardPlan): ExplainedUpstream {
  const path = plan.url.slice(plan.url.indexOf('/', plan.url.indexOf('://') + 3));
  return { url: origin + path, host: plan.host, headers: Object.fromEntries(plan.headers) };
}

export function refusalAnswer(status: number, code: string, message: string): Answer {
  return errorAnswer(new GatewayError(status, code, message));
}

function whole(answer: () => Answer): readonly PartialAnswer[] {
  return [{ part: 1, answer: answerOf(answer) }];
}

function answerOf(answer: () => Answer): Answer {
  try {
    return answer();
  } catch (error) {
    return errorAnswer(error);
  }
}
