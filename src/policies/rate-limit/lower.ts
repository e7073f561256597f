/** Authored options → what the Worker gets, in two policies: what runs before authentication, and the rest. */
import { LEASABLE_FROM } from '../../limits/calls.ts';
import type { Json } from '../../model/route-model.ts';
import { describeLimit } from '../../limits/describe-limit.ts';
import type { LowerContext, PolicyLowering, UsedCounter } from '../contract.ts';
import { isTakenFromClients } from '../authentication/external/header-rules.ts';
import { parseOptions, reportOption } from '../parse-options.ts';
import { claimPath, isEarly } from './authored-limit.ts';
import { compileLimit, isLeased } from './compile-limit.ts';
import type { CompiledLimit, CompiledPlans, CompiledRateLimit } from './compiled.ts';
import { decodeRateLimit } from './decode.ts';
import { explainRateLimit } from './explain.ts';
import { counterOf, FAILURES_LABEL, identifyLimits, type IdentifiedLimit } from './identify-limits.ts';
import { lowerTemplates } from './lower-templates.ts';
import { KNOWN_OPTIONS, rateLimitOptionsSchema } from './option-schema.ts';
import type { RateLimitOption, RateLimitOptions } from './options.ts';
import { reviewCountry } from './review-country.ts';
import { reviewPattern } from './review-pattern.ts';

export const rateLimitLowering: PolicyLowering = {
  name: 'rate-limit',
  lower(options, context) {
    const read = readLimits(options, context);
    if (read === null) return null;
    const { authored, limits } = read;
    const here = limits.filter(({ option }) => !isEarly(option));
    const compiled = new Map(here.map((each) => [each, compile(each, context)]));
    const listed = pick(here, 'limits', compiled);
    const groups = Map.groupBy(
      here.filter(({ list }) => list === 'groups'),
      ({ listName }) => listName,
    );
    const lowered = {
      limits: listed,
      ...(groups.size > 0 && { groups: [...groups.values()].map((group) => pick(group, 'groups', compiled)) }),
      ...(authored.plans !== undefined && { plans: compilePlans(authored, here, compiled) }),
      ...headerStyle(authored),
    } satisfies CompiledRateLimit;
    return [...compiled.values()].includes(null) ? null : toJson(lowered);
  },
  injectedHeaders,
  clientHeaders,
  counters: usedCounters,
  explain: explainRateLimit,
};

export const rateLimitEarlyLowering: PolicyLowering = {
  name: 'rate-limit-early',
  lower(options, context) {
    // What is wrong with the options is reported by the other policy, which is always there beside this one.
    const quiet: LowerContext = { ...context, report: () => undefined };
    const read = readLimits(options, quiet);
    if (read === null) return null;
    const { authored, limits } = read;
    const { failures, fence } = authored;
    if (fence !== undefined && !supportsFence(fence, context)) return null;
    const compiled = limits.filter(({ option }) => isEarly(option)).map((each) => compile(each, context));
    if (compiled.includes(null)) return null;
    const lowered = {
      limits: compiled.filter((limit) => limit !== null),
      ...(failures !== undefined && { failures: compileFailures(failures, authored.scope ?? context.routeId) }),
      ...(fence !== undefined && { fence }),
      ...headerStyle(authored),
    } satisfies CompiledRateLimit;
    return toJson(lowered);
  },
  injectedHeaders,
  clientHeaders,
  counters: usedCounters,
  explain: explainRateLimit,
};

type ReadLimits = { readonly authored: RateLimitOptions; readonly limits: readonly IdentifiedLimit[] };

function readLimits(options: unknown, context: LowerContext): ReadLimits | null {
  const authored = parseOptions(rateLimitOptionsSchema, options, {
    policy: 'rate-limit',
    knownKeys: KNOWN_OPTIONS,
    context,
  });
  if (authored === null) return null;
  const { limits, duplicates } = identifyLimits(authored, context.routeId);
  for (const { at, name, index } of duplicates) {
    reportOption(context, 'error', 'rate-limit-duplicate', {
      message: `Two limits are both number ${index} of \`${name}\`, so they would share one counter. The route refuses requests.`,
      at,
      hint: 'Give each limit a name of its own, or leave `index` out.',
    });
  }
  return duplicates.length > 0 ? null : { authored, limits };
}

/** null after an error. */
function compile({ option, at, counter, label }: IdentifiedLimit, context: LowerContext): CompiledLimit | null {
  const templates = lowerTemplates(option, { at, context });
  if (templates === null) return null;
  const compiled = { ...compileLimit(option, counter, label), ...templates };
  reviewPattern(option, at, context);
  reviewCountry(option, at, context);
  if (option.mode === 'leased' && !isLeased(option, compiled.limit)) {
    reportOption(context, 'info', 'rate-limit-exact', {
      message: `The limit \`${option.name}\` is too small to be leased, so every request is decided by its counter: of fewer than ${LEASABLE_FROM} a batch would be a large share.`,
      at: [...at, 'mode'],
      hint: 'Leave `mode` out.',
    });
  }
  return compiled;
}

type Compiled = ReadonlyMap<IdentifiedLimit, CompiledLimit | null>;

function pick(
  limits: readonly IdentifiedLimit[],
  list: IdentifiedLimit['list'],
  compiled: Compiled,
): readonly CompiledLimit[] {
  return limits.flatMap((each) => {
    const limit = compiled.get(each);
    return each.list === list && limit !== undefined && limit !== null ? [limit] : [];
  });
}

function compilePlans(
  { planClaim, defaultPlan, plans = {} }: RateLimitOptions,
  limits: readonly IdentifiedLimit[],
  compiled: Compiled,
): CompiledPlans {
  const ofPlan = (plan: string) => limits.filter(({ listName }) => listName === plan);
  return {
    byName: Object.fromEntries(Object.keys(plans).map((plan) => [plan, pick(ofPlan(plan), 'plans', compiled)])),
    ...(planClaim !== undefined && { claim: claimPath(planClaim) ?? [] }),
    ...(defaultPlan !== undefined && { default: defaultPlan }),
  };
}

function compileFailures({ rate, unit }: NonNullable<RateLimitOptions['failures']>, scope: string): CompiledLimit {
  const option: RateLimitOption = { name: 'failures', rate, unit, mode: 'exact' };
  return compileLimit(option, counterOf([scope, FAILURES_LABEL]), FAILURES_LABEL);
}

function supportsFence(fence: string, context: LowerContext): boolean {
  if (context.target === 'cloudflare') return true;
  reportOption(context, 'error', 'rate-limit-fence-unsupported', {
    message: `\`fence\` names the rate-limit binding ${fence}, which workerd does not have; only Cloudflare does. The route refuses requests.`,
    at: ['fence'],
    hint: 'Remove `fence`: the limits themselves work everywhere.',
  });
  return false;
}

function headerStyle({ headers }: RateLimitOptions): Pick<CompiledRateLimit, 'headers'> {
  return headers === undefined || headers === 'draft' ? {} : { headers };
}

function clientHeaders(json: Json): readonly string[] {
  return allLimits(json).flatMap(({ cost }) =>
    cost?.header !== undefined && cost.fromClient === true ? [cost.header] : [],
  );
}

function usedCounters(json: Json): readonly UsedCounter[] {
  return allLimits(json).map(({ counter, limit }) => ({ counter, limit: describeLimit(limit) }));
}

function allLimits(json: Json): readonly CompiledLimit[] {
  const { limits, groups = [], plans } = decodeRateLimit(json);
  return [...limits, ...groups.flat(), ...Object.values(plans?.byName ?? {}).flat()];
}

/**
 * Taken from clients: headers that limits write, and those that say a cost, unless clients may say it.
 * What clients send for reasons of their own is overwritten or removed on the route itself, and nowhere else.
 */
function injectedHeaders(json: Json): readonly string[] {
  return allLimits(json).flatMap(({ inject, cost }) => [
    ...(inject?.request.map(({ name }) => name).filter(isTakenFromClients) ?? []),
    ...(cost?.header !== undefined && cost.fromClient !== true ? [cost.header] : []),
  ]);
}

/** Plain data by its types, which have no index signature. */
function toJson(config: CompiledRateLimit): Json {
  const json: Json = JSON.parse(JSON.stringify(config));
  return json;
}
