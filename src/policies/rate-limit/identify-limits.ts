/**
 * What tells counters and labels apart. A counter belongs to scope, name and index, so that a changed
 * `rate` keeps it; of a plan's limits the plan is part of it, so that a caller who changes plans does
 * not take an old count along.
 */
import type { RateLimitOption, RateLimitOptions } from './options.ts';

export type IdentifiedLimit = {
  readonly option: RateLimitOption;
  /** Where it stands in the options. */
  readonly at: readonly PropertyKey[];
  readonly counter: string;
  /** Shown to clients. */
  readonly label: string;
  readonly list: 'limits' | 'groups' | 'plans';
  /** Of its group or plan. */
  readonly listName: string;
};

export type Duplicate = { readonly at: readonly PropertyKey[]; readonly name: string; readonly index: number };

type Listed = Pick<IdentifiedLimit, 'option' | 'at' | 'list' | 'listName'>;

/** Limits of groups may share a counter: of several groups, the same limit may be the one that counts. */
export function identifyLimits(
  options: RateLimitOptions,
  routeId: string,
): { readonly limits: readonly IdentifiedLimit[]; readonly duplicates: readonly Duplicate[] } {
  const nextIndex = new Map<string, number>();
  const taken = new Set<string>();
  const duplicates: Duplicate[] = [];
  const counted = listed(options).map((each) => {
    const { option, at, list, listName } = each;
    const owner = [option.scope ?? options.scope ?? routeId, ...(list === 'plans' ? ['plan', listName] : [])];
    const numbering = JSON.stringify([owner, option.name]);
    const index = option.index ?? nextIndex.get(numbering) ?? 0;
    nextIndex.set(numbering, index + 1);
    const counter = counterOf([...owner, option.name, index]);
    if (taken.has(counter) && list !== 'groups') duplicates.push({ at, name: option.name, index });
    taken.add(counter);
    return { ...each, counter, index };
  });
  const labels = labelsOf(counted, [
    ...(options.failures === undefined ? [] : [FAILURES_LABEL]),
    ...(options.fence === undefined ? [] : [FENCE_LABEL]),
  ]);
  return { limits: counted.map((each) => ({ ...each, label: labels.get(each.counter) ?? '' })), duplicates };
}

function listed({ limits = [], groups = [], plans = {} }: RateLimitOptions): readonly Listed[] {
  return [
    ...limits.map((option, at) => ({ option, at: ['limits', at], list: 'limits' as const, listName: '' })),
    ...groups.flatMap((group, number) =>
      group.map((option, at) => ({
        option,
        at: ['groups', number, at],
        list: 'groups' as const,
        listName: String(number),
      })),
    ),
    ...Object.entries(plans).flatMap(([plan, list]) =>
      list.map((option, at) => ({ option, at: ['plans', plan, at], list: 'plans' as const, listName: plan })),
    ),
  ];
}

/**
 * A name that one counter has stands alone; of several, each has its index, or its position where indices
 * meet too. What is taken by then gets the number again.
 */
function labelsOf(
  counted: readonly { readonly option: RateLimitOption; readonly counter: string; readonly index: number }[],
  reserved: readonly string[],
): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  const byName = Map.groupBy(counted, ({ option }) => encodeLabel(option.name));
  const taken = new Set([...reserved, ...byName.keys()]);
  for (const [name, sharing] of byName) {
    const counters = new Map(sharing.map(({ counter, index }) => [counter, index]));
    const indices = [...counters.values()];
    const byIndex = new Set(indices).size === indices.length;
    for (const [position, [counter, index]] of [...counters].entries()) {
      const number = byIndex ? index : position;
      let label = counters.size === 1 && !reserved.includes(name) ? name : `${name}.${number}`;
      while (label !== name && taken.has(label)) label = `${label}.${number}`;
      taken.add(label);
      labels.set(counter, label);
    }
  }
  return labels;
}

/** What clients are told of refused credentials and of the fence. */
export const FAILURES_LABEL = 'failures';
const FENCE_LABEL = 'fence';

export function counterOf(parts: readonly (string | number)[]): string {
  return ['rl', ...parts].map(encodePart).join('/');
}

/** Percent-encoding keeps `/` free as the separator, so that no two identities share a key. */
function encodePart(part: string | number): string {
  return encodeURIComponent(String(part).toWellFormed());
}

/** Structured-field strings (RFC 9651 §3.3.3) hold printable ASCII; escapes are avoided by never needing them. */
function encodeLabel(name: string): string {
  return name.toWellFormed().replaceAll(/[^\x20-\x7e]|["\\%]/gu, (character) => encodeURIComponent(character));
}
