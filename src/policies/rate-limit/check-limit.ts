/** Which options of a limit fit together. What does not is refused: half of it would be another limit than the one meant. */
import { isTimeZone } from '../../limits/time-zone.ts';
import { keyParts } from './authored-limit.ts';
import { costHeaderProblem, writtenHeaderProblem } from './header-names.ts';
import type { RateLimitKeyPart, RateLimitOption, RateLimitOptions } from './options.ts';

/** Each request of a concurrency limit looks through all slots of its counter, and every write has all of them. */
const MOST_SLOTS = 1_000;

export type Misfit = { readonly message: string; readonly at: readonly PropertyKey[] };

export function checkLimit(limit: RateLimitOption): readonly Misfit[] {
  const found: Misfit[] = [];
  const say: Say = (at, message) => void found.push({ message, at: typeof at === 'string' ? at.split('.') : at });
  checkAlgorithm(limit, say);
  checkCost(limit, say);
  checkHeaders(limit, say);
  if (limit.when === 'before-auth') checkEarly(limit, say);
  return found;
}

type Say = (at: string | readonly PropertyKey[], message: string) => void;

function checkAlgorithm(
  { algorithm = 'token-bucket', rate, unit, burst, zone, mode, cost }: RateLimitOption,
  say: Say,
): void {
  if (burst !== undefined && algorithm !== 'token-bucket') {
    say('burst', `${algorithm} has no burst: what may come at once is the rate`);
  }
  if (zone !== undefined && algorithm !== 'calendar') say('zone', 'only `algorithm: "calendar"` has a time zone');
  if (zone !== undefined && !isTimeZone(zone))
    say('zone', `"${zone}" is no time zone of the IANA list, such as "Europe/Berlin"`);
  if (algorithm === 'concurrency') {
    if (rate > MOST_SLOTS) say('rate', `is more than the ${MOST_SLOTS} slots that one counter can keep in order`);
    if (unit !== undefined) say('unit', 'concurrency counts requests at a time, so it has no unit');
    if (mode === 'leased')
      say('mode', 'concurrency is always exact: a slot that is lent out cannot be given to others');
    if (cost !== undefined) say('cost', 'a request holds one slot, whatever it costs');
    return;
  }
  if (unit === undefined) return say('unit', 'must say what the rate is per, such as "minute"');
  if (algorithm === 'calendar' && unit !== 'day' && unit !== 'month') {
    say('unit', 'a calendar quota is per `day` or `month`; `fixed-window` has shorter ones');
  }
  if (algorithm !== 'calendar' && unit === 'month') {
    say('unit', 'months differ in length, so only `algorithm: "calendar"` counts by them');
  }
}

function checkCost({ cost, when }: RateLimitOption, say: Say): void {
  if (cost === undefined) return;
  const { header, responseHeader, trustClient } = cost;
  if (header === undefined && responseHeader === undefined) say('cost', 'must name a `header` or a `responseHeader`');
  if (trustClient !== undefined && header === undefined) {
    say('cost.trustClient', 'is about `header`, which is not given');
  }
  const why = header === undefined ? null : costHeaderProblem(header);
  if (why !== null) say('cost.header', `cannot be \`${header}\`: ${why}`);
  if (when === 'before-auth' && header !== undefined && trustClient !== true) {
    say(
      'cost.header',
      'is set by authentication, which has not run `before-auth`; only with `trustClient` is there one',
    );
  }
}

function checkHeaders({ injectRequestHeaders, injectResponseHeaders, errorResponse }: RateLimitOption, say: Say): void {
  const lists = [
    [['injectRequestHeaders'], injectRequestHeaders],
    [['injectResponseHeaders'], injectResponseHeaders],
    [['errorResponse', 'headers'], errorResponse?.headers],
  ] as const;
  for (const [at, headers = []] of lists) {
    for (const [index, { name }] of headers.entries()) {
      const why = writtenHeaderProblem(name);
      if (why !== null) say([...at, index, 'name'], `cannot be \`${name}\`: ${why}`);
    }
  }
}

/** Parts that authentication finds out. */
function needsIdentity(part: RateLimitKeyPart): boolean {
  return part === 'api-key' || part === 'consumer' || (typeof part === 'object' && 'claim' in part);
}

function checkEarly(limit: RateLimitOption, say: Say): void {
  if (keyParts(limit).some(needsIdentity)) {
    say('key', 'names what authentication finds out, and `before-auth` runs before it');
  }
  if ((limit.if ?? []).some(({ part }) => needsIdentity(part))) {
    say('if', 'asks what authentication finds out, and `before-auth` runs before it');
  }
}

export function checkPolicy(options: RateLimitOptions): readonly Misfit[] {
  const { limits, groups = [], plans, planClaim, defaultPlan, failures, fence } = options;
  const found: Misfit[] = [];
  if ([limits, plans, failures, fence].every((each) => each === undefined) && groups.length === 0) {
    found.push({ message: 'needs at least one of `limits`, `groups`, `plans`, `failures` and `fence`', at: [] });
  }
  if (plans !== undefined && Object.keys(plans).length === 0) found.push({ message: 'has no plan', at: ['plans'] });
  if (plans === undefined && planClaim !== undefined)
    found.push({ message: 'is about `plans`, which are not given', at: ['planClaim'] });
  if (defaultPlan !== undefined && !Object.hasOwn(plans ?? {}, defaultPlan)) {
    found.push({ message: `is "${defaultPlan}", which is none of \`plans\``, at: ['defaultPlan'] });
  }
  const lists: readonly Listed[] = [
    ...groups.map((group, at) => [['groups', at], group] as const),
    ...Object.entries(plans ?? {}).map(([plan, list]) => [['plans', plan], list] as const),
  ];
  found.push(...checkCostHeaders([[['limits'], limits ?? []], ...lists]));
  for (const [at, list] of lists) {
    for (const [index, { when }] of list.entries()) {
      if (when !== 'before-auth') continue;
      found.push({
        message: '`before-auth` is for `limits`; groups and plans are chosen after authentication',
        at: [...at, index, 'when'],
      });
    }
  }
  return found;
}

type Listed = readonly [at: readonly PropertyKey[], list: readonly RateLimitOption[]];

/** A header is either taken from clients or theirs to say. */
function checkCostHeaders(lists: readonly Listed[]): readonly Misfit[] {
  const found: Misfit[] = [];
  const trustedByName = new Map<string, boolean>();
  for (const [at, list] of lists) {
    for (const [index, { cost }] of list.entries()) {
      if (cost?.header === undefined) continue;
      const name = cost.header.toLowerCase();
      const isTrusted = cost.trustClient === true;
      if ((trustedByName.get(name) ?? isTrusted) === isTrusted) trustedByName.set(name, isTrusted);
      else {
        const message = `another limit takes \`${name}\` ${isTrusted ? 'from policies alone' : 'from clients'}, and one header cannot be both`;
        found.push({ message, at: [...at, index, 'cost', 'trustClient'] });
      }
    }
  }
  return found;
}
