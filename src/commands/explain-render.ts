/** An explanation for people, in the order in which the gateway decides. */
import type { SourceRef } from '../diagnostics/finding.ts';
import { escapeControls, renderSource } from '../diagnostics/render.ts';
import type { Explained } from '../explain/explain.ts';
import type { ExplainedPolicy, NearMiss } from '../explain/explanation.ts';
import type { ProbeRequest } from '../explain/probe-request.ts';

type Share = Explained['shares'][number];
type Style = (code: string, text: string) => string;
type Row = readonly [label: string, ...lines: readonly string[]];

const INDENT = 12;
const OUTCOME_COLORS = { forward: '32', redirect: '36', respond: '36', refuse: '31', 'no-route': '33' } as const;

export function renderExplanation(
  { method, url }: ProbeRequest,
  explained: Explained,
  { color }: { readonly color: boolean },
): string {
  const style: Style = (code, text) =>
    color ? `\u001b[${code}m${escapeControls(text)}\u001b[0m` : escapeControls(text);
  const { explanation } = explained;
  const { outcome, route, policies, consumer, location, upstream } = explanation;
  const rows: Row[] = [
    ['request', style('1', `${method} ${url}`)],
    ...pathRow(explained, style),
    ...domainRow(explained, style),
    ...(route === null ? [] : [['route', `${style('1', route.id)}${at(route.source, style)}`] as const]),
    ...policies.map((policy, index) => [index === 0 ? 'policies' : '', ...policyLines(policy)] as const),
    ...(consumer === null ? [] : [['consumer', consumerText(consumer)] as const]),
    [
      'answer',
      style(`1;${OUTCOME_COLORS[outcome]}`, answerText(mainShare(explained))) + openText(policies, style),
      ...detailOf(explained),
    ],
    ...(location === null ? [] : [['location', escapeControls(location)] as const]),
    ...(upstream === null ? [] : upstreamRows(upstream, style)),
    ...sharesRow(explained),
    ...nearRow(explanation.nearMisses, style),
  ];
  return rows.map((row) => renderRow(row, style)).join('\n');
}

function renderRow([label, ...lines]: Row, style: Style): string {
  const [first = '', ...rest] = lines;
  return [`${style('2', label.padEnd(INDENT))}${first}`, ...rest.map((line) => ' '.repeat(INDENT) + line)].join('\n');
}

function pathRow({ explanation: { request } }: Explained, style: Style): readonly Row[] {
  const { path, canonicalPath } = request;
  if (canonicalPath === null) return [['path', `${escapeControls(path)} ${style('2', '(as sent)')}`]];
  const changed = canonicalPath === path ? '' : ` ${style('2', `(sent as ${path})`)}`;
  return [['path', escapeControls(canonicalPath) + changed]];
}

function domainRow({ domain, facts }: Explained, style: Style): readonly Row[] {
  if (facts === null) return [];
  if (domain === null) return [['domain', `none has the host ${escapeControls(facts.hostname)}`]];
  const about = `for ${facts.hostname}, ${facts.scheme}, client ${facts.clientIp}`;
  return [['domain', `${escapeControls(domain.hostname)} ${style('2', `(${domain.id}; ${about})`)}`]];
}

function policyLines({ name, note, decision, code }: ExplainedPolicy): readonly string[] {
  const verdict =
    decision === 'deny' || decision === 'unknown' ? ` [${decision}${code === null ? '' : ` ${code}`}]` : '';
  const [sentence, ...listed] = note?.split('\n') ?? [];
  const first = sentence === undefined ? name + verdict : `${name}${verdict}: ${sentence}`;
  return [first, ...listed.map((line) => `  ${line}`)].map(escapeControls);
}

/** What the answer rests on and nobody could say. */
function openText(policies: readonly ExplainedPolicy[], style: Style): string {
  const open = policies.filter(({ decision }) => decision === 'unknown').map(({ name }) => name);
  return open.length === 0 ? '' : ` ${style('2', `(if the request passes ${open.join(', ')})`)}`;
}

function consumerText({ id, kind, plan }: NonNullable<Explained['explanation']['consumer']>): string {
  return escapeControls(`${id} (${kind}${plan === null ? '' : `, plan ${plan}`})`);
}

function upstreamRows(upstream: NonNullable<Share['answer']['upstream']>, style: Style): readonly Row[] {
  const headers = Object.entries(upstream.headers).map(([name, value]) => escapeControls(`${name}: ${value}`));
  return [
    ['upstream', style('1', upstream.url)],
    ['', escapeControls(`host: ${upstream.host}`), ...headers],
  ];
}

/** Everything the request could get, when that is more than one thing. */
function sharesRow({ shares }: Explained): readonly Row[] {
  if (shares.length < 2) return [];
  const lines = shares.map((share) => {
    const route = share.route === null ? '' : `  (${share.route.id})`;
    return escapeControls(`${percent(share.weight)}  ${answerText(share)}${route}`);
  });
  return [['shares', ...lines]];
}

function nearRow(misses: readonly NearMiss[], style: Style): readonly Row[] {
  if (misses.length === 0) return [];
  return [['near misses', ...misses.flatMap((miss) => renderNearMiss(miss, style))]];
}

/** Two lines; also for the report of a failed route test. */
export function renderNearMiss({ source, failed, expected, actual }: NearMiss, style: Style): readonly string[] {
  const why =
    failed === 'shadowed'
      ? `matches too, but ${expected} comes first`
      : `${failed}: wants ${expected}, ${actual === null ? 'the request has none' : `got ${actual}`}`;
  return [`${escapeControls(renderSource(source))}${at(source, style)}`, `  ${escapeControls(why)}`];
}

function mainShare({ shares }: Explained): Share | undefined {
  return shares.reduce<Share | undefined>(
    (best, share) => (best === undefined || share.weight > best.weight ? share : best),
    undefined,
  );
}

function detailOf(explained: Explained): readonly string[] {
  const detail = mainShare(explained)?.answer.detail ?? null;
  return detail === null ? [] : [escapeControls(detail)];
}

function answerText(share: Share | undefined): string {
  if (share === undefined) return 'nothing';
  const { outcome, status, code, location, upstream } = share.answer;
  const facts = [status, code].filter((part) => part !== null).join(' ');
  if (outcome === 'forward') return `forward to ${upstream?.url ?? 'an upstream'}`;
  if (outcome === 'redirect') return `redirect ${facts} to ${location ?? ''}`;
  return `${{ respond: 'respond', refuse: 'refuse', 'no-route': 'no route:' }[outcome]} ${facts}`;
}

function at({ file, line }: SourceRef, style: Style): string {
  return file === null ? '' : `  ${style('2', `${file}${line === null ? '' : `:${line}`}`)}`;
}

function percent(weight: number): string {
  return `${String(Math.round(weight * 100) / 100).padStart(5)} %`;
}
