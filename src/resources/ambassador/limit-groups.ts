/**
 * One group of labels × all limits of its domain → the limits of which the first that concerns a request
 * decides. What labels say at build is compared here; what only the request says becomes a condition.
 */
import type { WrittenCondition, WrittenKeyPart, WrittenLimit } from './rate-limit-options.ts';
import type { Label, LabelGroupOfRoute, LabelValue } from './label-groups.ts';
import type { LabelPattern, LimitSpec } from './rate-limit-shape.ts';
import { compareVersions } from './resource-order.ts';
import type { RateLimitResource } from './types.ts';

export type LinkedLimit = {
  readonly resource: RateLimitResource;
  readonly spec: LimitSpec;
  /** Without what a group adds: key and conditions. null: it cannot be read. */
  readonly option: WrittenLimit | null;
};

/** The longest pattern first; one that cannot be read before all; then by namespace, name and position. */
export function compareLimits(a: LinkedLimit, b: LinkedLimit): number {
  return compareLength(a, b) || compareVersions(a.resource, b.resource) || a.spec.index - b.spec.index;
}

function compareLength(a: LinkedLimit, b: LinkedLimit): number {
  return itemCount(b.spec.pattern) - itemCount(a.spec.pattern);
}

function itemCount(pattern: LabelPattern | null): number {
  return pattern === null ? Number.MAX_SAFE_INTEGER : pattern.length;
}

export type LimitGroup = {
  readonly labels: LabelGroupOfRoute;
  /** In the order in which they are tried: what the route says, and the limit that it was written as. */
  readonly limits: readonly { readonly option: WrittenLimit; readonly from: LinkedLimit }[];
  /** Limits that may decide and cannot be read. */
  readonly unreadable: readonly LinkedLimit[];
  /** Two limits of equally many and equally exact items that concern the same requests: the first of each pair decides. */
  readonly ties: readonly (readonly [LinkedLimit, LinkedLimit])[];
  /** Where its options come from; null: no limit concerns it. */
  readonly first: LinkedLimit | null;
};

/** `limits` in the order of `compareLimits`. */
export function limitGroup(labels: LabelGroupOfRoute, limits: readonly LinkedLimit[]): LimitGroup {
  const candidates: Candidate[] = [];
  const ties: (readonly [LinkedLimit, LinkedLimit])[] = [];
  for (const candidate of matchingLimits(labels, limits)) {
    const { conditions, limit } = candidate;
    const rival = candidates.find((other) => isTie(other, candidate) && !excludes(other.conditions, conditions));
    if (rival !== undefined) ties.push([rival.limit, limit]);
    // Whatever it concerns, one before it concerns too.
    if (candidates.some((other) => other.conditions.every((one) => hasCondition(conditions, one)))) continue;
    candidates.push(candidate);
  }
  const presence = presenceConditions(labels);
  return {
    labels,
    limits: candidates.flatMap(({ limit, key, conditions }) => {
      if (limit.option === null) return [];
      const all = [
        ...conditions,
        ...presence.filter(({ part }) => !conditions.some((one) => isSamePart(one.part, part))),
      ];
      const option = { ...limit.option, ...(all.length > 0 && { if: all }), key, missing: 'skip' as const };
      return { option, from: limit };
    }),
    unreadable: candidates.flatMap(({ limit }) => (limit.option === null ? limit : [])),
    ties,
    first: candidates[0]?.limit ?? null,
  };
}

type Candidate = PatternMatch & { readonly limit: LinkedLimit };

/** In the order in which they are tried. */
function matchingLimits(labels: LabelGroupOfRoute, limits: readonly LinkedLimit[]): readonly Candidate[] {
  return limits
    .flatMap((limit): Candidate | readonly [] => {
      const match = matchPattern(limit.spec.pattern, labels);
      return match === null ? [] : { ...match, limit };
    })
    .toSorted((a, b) => compareLength(a.limit, b.limit) || compareExactness(a, b));
}

/** A value goes before any value, item by item: otherwise it might never decide. */
function compareExactness({ exact: a }: PatternMatch, { exact: b }: PatternMatch): number {
  const at = a.findIndex((isExact, index) => isExact !== b[index]);
  return at === -1 ? 0 : a[at] === true ? -1 : 1;
}

export type PatternMatch = {
  /** Of each item: whether it names the value that the label must have. */
  readonly exact: readonly boolean[];
  readonly conditions: readonly (WrittenCondition & { readonly is: string })[];
  readonly key: readonly WrittenKeyPart[];
};

/** null: no request with these labels matches. */
export function matchPattern(pattern: LabelPattern | null, labels: LabelGroupOfRoute): PatternMatch | null {
  if (pattern === null) return { exact: [], conditions: [], key: [WHOLE_GROUP] };
  if (pattern.length > labels.length) return null;
  const conditions: PatternMatch['conditions'][number][] = [];
  const key: WrittenKeyPart[] = [];
  const exact: boolean[] = [];
  for (const [index, item] of pattern.entries()) {
    const label = labels[index];
    const matched = label === undefined ? null : matchItem(item, label);
    if (matched === null) return null;
    key.push(...matched.key);
    exact.push(matched.exact);
    if (matched.condition === null || hasCondition(conditions, matched.condition)) continue;
    if (excludes(conditions, [matched.condition])) return null;
    conditions.push(matched.condition);
  }
  // A pattern without items counts all requests together.
  return { exact, conditions, key: key.length === 0 ? [WHOLE_GROUP] : key };
}

const WHOLE_GROUP: WrittenKeyPart = { constant: '*' };

type ItemMatch = {
  readonly exact: boolean;
  readonly key: readonly WrittenKeyPart[];
  readonly condition: PatternMatch['conditions'][number] | null;
};

function matchItem(item: LabelPattern[number], { key, value }: Label): ItemMatch | null {
  const wanted = Object.hasOwn(item, key) ? item[key] : undefined;
  if (wanted === undefined) return null;
  const isAny = wanted === '' || wanted === '*';
  // Which of several keys it was is part of what is counted.
  const named: WrittenKeyPart[] = Object.keys(item).length > 1 ? [{ constant: key }] : [];
  if ('fixed' in value) {
    return isAny || wanted === value.fixed
      ? { exact: !isAny, key: [...named, { constant: value.fixed }], condition: null }
      : null;
  }
  const { part } = value;
  return { exact: !isAny, key: [...named, part], condition: isAny ? null : { part, is: wanted } };
}

/** Of every label, also behind the pattern: without one of them there is no group. */
function presenceConditions(labels: LabelGroupOfRoute): readonly WrittenCondition[] {
  const conditions: WrittenCondition[] = [];
  for (const { value } of labels) {
    if (!isOptional(value) || conditions.some(({ part }) => isSamePart(part, value.part))) continue;
    conditions.push({ part: value.part });
  }
  return conditions;
}

function isOptional(value: LabelValue): value is LabelValue & { readonly part: WrittenKeyPart } {
  return 'part' in value && value.mayLack;
}

function isTie(a: Candidate, b: Candidate): boolean {
  return compareLength(a.limit, b.limit) === 0 && compareExactness(a, b) === 0;
}

/** No request meets both. */
function excludes(a: PatternMatch['conditions'], b: PatternMatch['conditions']): boolean {
  return a.some((one) => b.some((other) => isSamePart(one.part, other.part) && one.is !== other.is));
}

function hasCondition(conditions: PatternMatch['conditions'], wanted: PatternMatch['conditions'][number]): boolean {
  return conditions.some(({ part, is }) => is === wanted.is && isSamePart(part, wanted.part));
}

function isSamePart(a: WrittenKeyPart, b: WrittenKeyPart): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
