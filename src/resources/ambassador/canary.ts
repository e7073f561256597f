/** The share of a group's requests that each member gets, computed as Ambassador computes it. */
import type { Report } from '../../diagnostics/finding.ts';
import type { LinkedMapping, MappingGroup } from './groups.ts';
import { listNames, nameOf, reportAt } from './report-at.ts';

export type CanaryMember = {
  readonly mapping: LinkedMapping;
  /** The member matches while r < below, r being one number in [0, 100) per request. null: always. */
  readonly below: number | null;
};

/** In the order in which they are tried; null: the weights are impossible and the whole group refuses. */
export type CanaryShares = readonly CanaryMember[] | null;

export function canaryShares(
  group: MappingGroup,
  remainder: 'fallthrough' | 'normalize',
  report: Report,
): CanaryShares {
  const [only, ...rest] = group.members;
  if (only === undefined) return [];
  if (rest.length === 0) return [loneMember(only, report)];
  if (hasImpossibleWeights(group, report)) return null;

  const weighted = group.members.filter((member) => weightOf(member) !== null);
  const weightless = group.members.filter((member) => weightOf(member) === null);
  const shares: CanaryMember[] = [];
  let below = 0;
  for (const mapping of weighted) {
    below += weightOf(mapping) ?? 0;
    shares.push({ mapping, below });
  }
  if (weightless.length > 0) return [...shares, ...weightlessShares(weightless, below)].map(alwaysAtHundred);
  if (below < 100 && remainder === 'normalize' && below > 0) return scaled(shares, below);
  if (below < 100) reportFallThrough(group, below, report);
  return shares.map(alwaysAtHundred);
}

/** What is left is divided evenly; rounding falls to the last one, which takes everything that reaches it. */
function weightlessShares(members: readonly LinkedMapping[], taken: number): readonly CanaryMember[] {
  const each = roundHalfToEven((100 - taken) / members.length);
  return members.map((mapping, at) => ({
    mapping,
    below: at === members.length - 1 ? null : taken + each * (at + 1),
  }));
}

/** The `normalize` switch: the weights become parts of their sum. */
function scaled(shares: readonly CanaryMember[], total: number): readonly CanaryMember[] {
  return shares.map(({ mapping, below }, at) => ({
    mapping,
    below: below === null || at === shares.length - 1 ? null : (below * 100) / total,
  }));
}

function alwaysAtHundred({ mapping, below }: CanaryMember): CanaryMember {
  return { mapping, below: below !== null && below >= 100 ? null : below };
}

/** Halves go to the even neighbour (12.5 → 12, 37.5 → 38), as Python rounds. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function weightOf(member: LinkedMapping): number | null {
  return member.resource.spec.weight ?? null;
}

/** Alone in its group a Mapping gets everything, whatever its weight says. */
function loneMember(mapping: LinkedMapping, report: Report): CanaryMember {
  const weight = weightOf(mapping);
  if (weight !== null && (weight < 0 || weight > 100)) {
    reportAt(report, mapping.resource, {
      severity: 'warning',
      code: 'weight-alone',
      message: `A weight is a share between 0 and 100, not ${weight}. No other Mapping has this match, so it gets every request all the same.`,
      path: 'spec.weight',
      hint: 'Remove `weight`.',
    });
  } else if (weight !== null && weight < 100 && mapping.resource.spec.host_redirect !== true) {
    reportAt(report, mapping.resource, {
      severity: 'info',
      code: 'weight-alone',
      message: `No other Mapping has this match, so it gets 100 % of the requests, not ${weight} %.`,
      path: 'spec.weight',
      hint: 'Add the Mapping that takes the rest, with the same match.',
    });
  }
  return { mapping, below: null };
}

function hasImpossibleWeights(group: MappingGroup, report: Report): boolean {
  let total = 0;
  for (const member of group.members) {
    const weight = weightOf(member) ?? 0;
    total += weight;
    if (weight >= 0 && weight <= 100 && total <= 100) continue;
    const names = listNames(group.members.map(({ resource }) => nameOf(resource)));
    const what = weight < 0 || weight > 100 ? `a weight of ${weight}` : `the sum of the weights above 100 (${total})`;
    reportAt(report, member.resource, {
      severity: 'error',
      code: 'weights-invalid',
      message: `The group of ${names} has ${what}. All of it refuses, because leaving it out would let a broader route answer.`,
      path: 'spec.weight',
      hint: 'Keep each weight between 0 and 100, and their sum at 100 or below.',
    });
    return true;
  }
  return false;
}

function reportFallThrough(group: MappingGroup, total: number, report: Report): void {
  const first = group.members[0];
  if (first === undefined) return;
  const names = listNames(group.members.map(({ resource }) => nameOf(resource)));
  reportAt(report, first.resource, {
    severity: 'warning',
    code: 'weights-fall-through',
    message: `The weights of ${names} sum up to ${total}; the other ${100 - total} % of the requests go on to broader routes, or get 404.`,
    path: 'spec.weight',
    hint: 'Leave `weight` out on one member, which then takes the rest, or set `parity.weightsRemainder` to `normalize`.',
  });
}
