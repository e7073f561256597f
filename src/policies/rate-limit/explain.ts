/** For `explain`: the limits that a request would meet, and the counters. Nothing is counted. */
import { LEASED_FROM } from '../../limits/calls.ts';
import { describeLimit } from '../../limits/describe-limit.ts';
import { largestCost } from '../../limits/limit.ts';
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Json } from '../../model/route-model.ts';
import type { KnownCaller, PolicyExplanation, RequestFacts } from '../contract.ts';
import type { CompiledKeyPart, CompiledLimit, CompiledRateLimit } from './compiled.ts';
import { decodeRateLimit } from './decode.ts';
import { select, selectLimits, type LimitedRequest, type SelectedLimit } from './select.ts';

/** Of one limit: for programs, and in one line. */
type Described = { readonly input: { readonly [member: string]: Json }; readonly line: string };

export async function explainRateLimit(
  json: Json,
  facts: RequestFacts,
  caller?: KnownCaller,
  routeId = '',
): Promise<PolicyExplanation> {
  const config = decodeRateLimit(json);
  const request: LimitedRequest = { facts, consumer: caller?.consumer ?? null, routeId };
  const { selected, refusal } = selectLimits(config, request);
  const failures = config.failures === undefined ? null : select(config.failures, request);
  const isDefinite = caller !== undefined || !needsCaller(config);
  const limits = await Promise.all(selected.map((each) => describe(each, config)));
  const counted = failures === null || failures instanceof GatewayError ? null : await describe(failures, config);
  const { fence } = config;
  const input = {
    path: facts.path,
    limits: limits.map((each) => each.input),
    ...(counted !== null && { failures: counted.input }),
    ...(fence !== undefined && { fence }),
  };
  if (refusal !== null) {
    const note = isDefinite ? `refused: ${refusal.message}` : 'depends on who is calling, which is not known here';
    return { input, note, decides: 'later' };
  }
  const lines = [
    ...(isDefinite ? [] : ['who is calling is not known here: limits by caller or plan are those of nobody']),
    ...limits.map(({ line }) => line),
    ...(counted === null ? [] : [`${counted.line}; counts refused credentials`]),
    ...(fence === undefined ? [] : [`the fence ${fence} is asked first`]),
  ];
  const isIdle = selected.length === 0 && counted === null && fence === undefined && isDefinite;
  return {
    input,
    note: [sentence(selected, counted !== null), ...lines].join('\n'),
    decides: isIdle ? false : 'later',
  };
}

function sentence(selected: readonly SelectedLimit[], countsFailures: boolean): string {
  const labels = selected.filter(({ limit }) => limit.shadow !== true).map(({ limit }) => limit.label);
  if (labels.length > 0) return `must be allowed by ${labels.join(' and ')}`;
  if (selected.length > 0) return 'is counted, and refused by nothing';
  return countsFailures ? 'only refused credentials are counted' : 'no limit concerns this request';
}

/** `key` is what `portolan limits show` takes. */
async function describe({ limit: compiled, key: found }: SelectedLimit, config: CompiledRateLimit): Promise<Described> {
  const { label, limit, mode = 'exact', shadow, cost, onFailure } = compiled;
  const plan = planOf(compiled, config);
  const key = await found;
  const mostAsked = cost === undefined ? null : costWords(cost);
  const says = [
    describeLimit(limit),
    modeWords(compiled),
    ...(plan === null ? [] : [`plan ${plan}`]),
    ...(shadow === true ? ['shadow, refuses nothing'] : []),
    ...(mostAsked === null ? [] : [`cost: ${mostAsked}`]),
    ...(onFailure === undefined ? [] : [`${onFailure} when it cannot be asked`]),
    `counter ${key}`,
  ];
  const input = {
    name: label,
    limit: describeLimit(limit),
    algorithm: limit.algorithm,
    mode,
    key,
    ...(plan !== null && { plan }),
    ...(shadow === true && { shadow }),
    ...(onFailure !== undefined && { onFailure }),
    ...(mostAsked !== null && { cost: mostAsked }),
  };
  return { input, line: `${label}: ${says.join('; ')}` };
}

/** The mode, and why when it is not the one that was to be expected; see compile-limit.ts. */
function modeWords({ limit, mode }: CompiledLimit): string {
  if (limit.algorithm === 'concurrency' || limit.algorithm === 'calendar') {
    return mode === undefined
      ? `exact, as ${limit.algorithm === 'calendar' ? 'quotas are' : 'concurrency is'}`
      : 'leased as written';
  }
  const isSmall = Math.min(limit.rate, largestCost(limit)) < LEASED_FROM;
  const from = LEASED_FROM.toLocaleString('en-US');
  if (mode === undefined) return isSmall ? `exact, below ${from}` : 'exact as written';
  return isSmall ? 'leased as written' : `leased from ${from} on`;
}

function costWords({ header, fromClient, responseHeader, maxCost }: NonNullable<CompiledLimit['cost']>): string {
  const from = [
    ...(header === undefined
      ? []
      : [`request header ${header} (${fromClient === true ? 'of the client' : 'of a policy'})`]),
    ...(responseHeader === undefined ? [] : [`response header ${responseHeader}`]),
  ];
  return `${from.join(' and ')}, 1 to ${maxCost}`;
}

/** null: it is a limit of no plan. */
function planOf(limit: CompiledLimit, { plans }: CompiledRateLimit): string | null {
  return Object.entries(plans?.byName ?? {}).find(([, limits]) => limits.includes(limit))?.[0] ?? null;
}

/** Anything in it depends on who is calling. */
function needsCaller({ limits, groups = [], plans }: CompiledRateLimit): boolean {
  if (plans !== undefined) return true;
  const parts = [...limits, ...groups.flat()].flatMap(({ key = [], if: conditions = [] }) => [
    ...key,
    ...conditions.map(({ part }) => part),
  ]);
  return parts.some(isOfCaller);
}

function isOfCaller({ from }: CompiledKeyPart): boolean {
  return from === 'api-key' || from === 'consumer' || from === 'claim';
}
