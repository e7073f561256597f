/** What `limits plan` prints. */
import type { KeyedFigures } from '../access-log/key-figures.ts';
import type { LimitPlan } from '../access-log/plan-limits.ts';
import { describeLimit } from '../limits/describe-limit.ts';
import { subjectOf } from '../limits/calls.ts';
import type { CompiledLimit } from '../policies/rate-limit/compiled.ts';
import { renderTable } from './text-table.ts';

/** Keys are public. */
export function planJson(plan: LimitPlan, limits: readonly CompiledLimit[], top: number): object {
  const { counts, keys, hours, firstMs, lastMs, refusedBy } = plan;
  return {
    limits: limits.map(({ label, limit }) => ({
      name: label,
      words: describeLimit(limit),
      limit,
      refused: refusedBy.get(label) ?? 0,
    })),
    from: isoOrNull(firstMs),
    to: isoOrNull(lastMs),
    requests: counts.requests,
    refused: counts.refused,
    share: shareOf(counts.refused, counts.requests),
    unconcerned: counts.unconcerned,
    invalid: counts.invalid,
    late: counts.late,
    keys: { ...keys.counts, refused: keys.refusedKeys },
    top: keys.top(top).map((figures) => keyJson(figures, limits)),
    hours: hours.map(({ hourMs, requests, refused }) => ({ hour: isoOrNull(hourMs), requests, refused })),
  };
}

export function renderPlan(
  plan: LimitPlan,
  limits: readonly CompiledLimit[],
  { top, byHour }: { readonly top: number; readonly byHour: boolean },
): readonly string[] {
  const { counts, keys, firstMs, lastMs, refusedBy } = plan;
  const several = limits.length > 1;
  const counted = keys.counts;
  const facts = [
    ...limits.map(({ label, limit }) => [
      'limit',
      `${several ? `${label}: ` : ''}${describeLimit(limit)}${several ? `; refused ${grouped(refusedBy.get(label) ?? 0)}` : ''}`,
    ]),
    ['time', `${isoOrNull(firstMs) ?? ''} to ${isoOrNull(lastMs) ?? ''}`],
    ['requests', grouped(counts.requests)],
    ['refused', `${grouped(counts.refused)} (${percent(counts.refused, counts.requests)})`],
    ...(counts.unconcerned === 0 ? [] : [['unconcerned', `${grouped(counts.unconcerned)} that no limit counts`]]),
    ...(counts.invalid === 0 ? [] : [['invalid', `${grouped(counts.invalid)} refused before any limit`]]),
    [
      'keys',
      `${grouped(counted.keys)}${counted.dropped > 0 ? ' and more' : ''}, ${grouped(keys.refusedKeys)} refused at least once`,
    ],
  ];
  return [
    ...facts.map(([name = '', value = '']) => `${name.padEnd(12)}${value}`),
    ...topTable(keys.top(top), several ? limits : []),
    ...(byHour ? hourTable(plan) : []),
  ];
}

/** `named`: limits of which each row says its own. */
function topTable(top: readonly KeyedFigures[], named: readonly CompiledLimit[]): readonly string[] {
  if (top.length === 0) return [];
  const head = ['LIMIT', 'KEY', 'REQUESTS', 'REFUSED', 'SHARE', 'FIRST REFUSAL', 'LAST REFUSAL', 'LONGEST RUN'];
  const rows = top.map((figures) => [
    limitOf(figures.key, named) ?? '',
    subjectInWords(subjectOf(figures.key)),
    grouped(figures.requests),
    grouped(figures.refused),
    percent(figures.refused, figures.requests),
    isoOrNull(figures.firstRefusalMs) ?? '',
    isoOrNull(figures.lastRefusalMs) ?? '',
    figures.longestRun === 0 ? '' : grouped(figures.longestRun),
  ]);
  return ['', ...renderTable(head, rows)];
}

function hourTable({ hours }: LimitPlan): readonly string[] {
  const most = Math.max(...hours.map(({ requests }) => requests));
  const rows = hours.map(({ hourMs, requests, refused }) => {
    const bar = '#'.repeat(Math.round((40 * requests) / most));
    const lost = Math.round((40 * refused) / most);
    return [
      `${(isoOrNull(hourMs) ?? '').slice(0, 13)}:00Z`,
      grouped(requests),
      grouped(refused),
      bar.slice(0, bar.length - lost) + 'x'.repeat(lost),
    ];
  });
  return ['', ...renderTable(['HOUR', 'REQUESTS', 'REFUSED', '# ALLOWED  x REFUSED'], rows)];
}

function keyJson({ key, firstRefusalMs, lastRefusalMs, ...figures }: KeyedFigures, limits: readonly CompiledLimit[]) {
  return {
    limit: limitOf(key, limits),
    key: subjectInWords(subjectOf(key)),
    ...figures,
    share: shareOf(figures.refused, figures.requests),
    firstRefusal: isoOrNull(firstRefusalMs),
    lastRefusal: isoOrNull(lastRefusalMs),
  };
}

function limitOf(key: string, limits: readonly CompiledLimit[]): string | null {
  const counter = key.slice(0, key.indexOf('|'));
  return limits.find((limit) => limit.counter === counter)?.label ?? null;
}

/** `a:192.0.2.1/h:x-tenant=blue` → `192.0.2.1 x-tenant=blue`, as people write it. */
export function subjectInWords(subject: string): string {
  return subject
    .split('/')
    .map((part) => decoded(part.replace(/^[a-z]:/, '')))
    .join(' ');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function percent(part: number, whole: number): string {
  return `${(100 * shareOf(part, whole)).toFixed(2)} %`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
