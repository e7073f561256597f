/** For `explain`: the limits that a request would meet, and the counters. Nothing is counted. */
import { describeLimit } from '../../limits/describe-limit.ts';
import type { Json } from '../../model/route-model.ts';
import type { KnownCaller, PolicyExplanation, RequestFacts } from '../contract.ts';
import type { CompiledKeyPart, CompiledLimit, CompiledRateLimit } from './compiled.ts';
import { decodeRateLimit } from './decode.ts';
import { select, selectLimits, type LimitedRequest, type SelectedLimit } from './select.ts';

export function explainRateLimit(
  json: Json,
  facts: RequestFacts,
  caller?: KnownCaller,
  routeId = '',
): PolicyExplanation {
  const config = decodeRateLimit(json);
  const request: LimitedRequest = { facts, consumer: caller?.consumer ?? null, routeId };
  const { selected, refusal } = selectLimits(config, request);
  const failures = config.failures === undefined ? null : select(config.failures, request);
  const isDefinite = caller !== undefined || !needsCaller(config);
  const limits = selected.map(describe);
  const input = {
    path: facts.path,
    limits,
    ...(failures !== null && 'limit' in failures && { failures: describe(failures) }),
    ...(config.fence !== undefined && { fence: config.fence }),
  };
  if (refusal !== null) {
    const note = isDefinite ? `refused: ${refusal.message}` : 'depends on who is calling, which is not known here';
    return { input, note, decides: 'later' };
  }
  const must = selected.filter(({ limit }) => limit.shadow !== true).map(({ limit }) => sentence(limit));
  const also = [
    ...(failures === null ? [] : ['refused credentials of this address are counted']),
    ...(config.fence === undefined ? [] : [`the fence ${config.fence} is asked first`]),
    ...(isDefinite ? [] : ['who is calling is not known here, so limits by caller or plan are shown as for nobody']),
  ];
  const first = must.length === 0 ? 'no limit concerns this request' : `must be allowed by ${must.join(' and ')}`;
  const isIdle = selected.length === 0 && failures === null && config.fence === undefined && isDefinite;
  return { input, note: [first, ...also].join('; '), decides: isIdle ? false : 'later' };
}

function sentence({ label, limit }: CompiledLimit): string {
  return `${label} (${describeLimit(limit)})`;
}

/** `key` is what `portolan limits show` takes. */
function describe({ limit: compiled, key }: SelectedLimit): Json {
  const { label, limit, mode = 'exact', shadow, cost, onFailure } = compiled;
  return {
    name: label,
    limit: describeLimit(limit),
    algorithm: limit.algorithm,
    mode,
    // The digest of a long value takes a moment that explaining does not have.
    key: typeof key === 'string' ? key : `${compiled.counter}|sha256:…`,
    ...(shadow === true && { shadow }),
    ...(onFailure !== undefined && { onFailure }),
    ...(cost !== undefined && { cost: costWords(cost) }),
  };
}

function costWords({ header, responseHeader, maxCost }: NonNullable<CompiledLimit['cost']>): string {
  const from = [
    ...(header === undefined ? [] : [`request header ${header}`]),
    ...(responseHeader === undefined ? [] : [`response header ${responseHeader}`]),
  ];
  return `${from.join(' and ')}, 1 to ${maxCost}`;
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
