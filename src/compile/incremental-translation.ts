/**
 * Translating again only what a change can reach. Mappings form groups among those with the same
 * `prefix`, and whatever else a translation looks at (Hosts, Listeners, Module, what protects routes)
 * is compared as a whole: if any of it changed, everything is translated.
 *
 * The result never differs from a full translation (test/compile/incremental-translation.test.ts).
 */
import type { Finding, Report, SourceRef } from '../diagnostics/finding.ts';
import { compareCodePoints } from '../model/rank.ts';
import type { RouteModelRoute } from '../model/route-model.ts';
import { keyOf } from './key-order.ts';

/** NormalizedResources has this shape. */
export type TranslationInput = {
  readonly mappings: readonly TranslatedMapping[];
  readonly hosts: readonly object[];
  readonly listeners: readonly object[];
  readonly module: object | null;
  readonly filters: readonly object[];
  readonly filterPolicies: readonly object[];
  readonly authServices: readonly object[];
  readonly rateLimits: readonly object[];
  readonly rateLimitServices: readonly object[];
  readonly unenforced: readonly object[];
};
export type TranslatedMapping = { readonly source: SourceRef; readonly spec: { readonly prefix: string } };

export type TranslationOutput = { readonly routes: readonly RouteModelRoute[] };

export type Translate<Input extends TranslationInput, Output extends TranslationOutput> = (
  resources: Input,
  report: Report,
) => Output;

/** More changes than this are translated as a whole. */
const MAX_CHANGES = 256;
/** Findings that speak about several Mappings at once, or count them: with one of these everything is translated. */
const JOINT_FINDINGS = new Set(['hostname-lower-cased', 'resource-duplicate', 'policy-not-enforced']);

type Memory<Input, Output> = {
  readonly resources: Input;
  readonly output: Output;
  readonly byKey: ReadonlyMap<string, TranslatedMapping>;
  /** By key of the Mapping they are about. */
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  readonly otherFindings: readonly Finding[];
};

export class IncrementalTranslation<Input extends TranslationInput, Output extends TranslationOutput> {
  #memory: Memory<Input, Output> | null = null;
  #options = '';

  /** `options`: text that differs whenever the translation could. */
  translate(resources: Input, options: string, translate: Translate<Input, Output>, report: Report): Output {
    const memory = this.#options === options ? this.#memory : null;
    this.#options = options;
    this.#memory =
      (memory === null ? null : translateChanges(memory, resources, translate)) ?? translateAll(resources, translate);
    for (const finding of this.#memory.otherFindings) report(finding);
    for (const findings of this.#memory.findings.values()) for (const finding of findings) report(finding);
    return this.#memory.output;
  }
}

function translateAll<Input extends TranslationInput, Output extends TranslationOutput>(
  resources: Input,
  translate: Translate<Input, Output>,
): Memory<Input, Output> {
  const all: Finding[] = [];
  const output = translate(resources, (finding) => all.push(finding));
  const byKey = indexMappings(resources.mappings);
  return { resources, output, byKey, ...splitFindings(all, byKey) };
}

/** null: the change may reach further than the Mappings that changed. */
function translateChanges<Input extends TranslationInput, Output extends TranslationOutput>(
  memory: Memory<Input, Output>,
  resources: Input,
  translate: Translate<Input, Output>,
): Memory<Input, Output> | null {
  if (!isSameSurroundings(memory.resources, resources) || memory.otherFindings.some(isJoint)) return null;
  const byKey = indexMappings(resources.mappings);
  if (byKey.size !== resources.mappings.length) return null;
  const prefixes = changedPrefixes(memory.byKey, byKey);
  if (prefixes === null) return null;
  if (prefixes.size === 0) return { ...memory, resources, byKey };

  const reached = resources.mappings.filter(({ spec }) => prefixes.has(spec.prefix));
  const found: Finding[] = [];
  const part = translate({ ...resources, mappings: reached }, (finding) => found.push(finding));
  if (found.some(isJoint)) return null;

  const gone = new Set<string>();
  for (const [key, { spec }] of memory.byKey) if (prefixes.has(spec.prefix)) gone.add(key);
  const kept = memory.output.routes.filter(({ source }) => !gone.has(keyOf(source)));
  const findings = new Map([...memory.findings].filter(([key]) => !gone.has(key)));
  for (const [key, list] of splitFindings(found, byKey).findings) findings.set(key, list);
  const output = { ...memory.output, routes: mergeById(kept, part.routes) };
  return { resources, output, byKey, findings, otherFindings: memory.otherFindings };
}

/** Everything but the Mappings. */
function isSameSurroundings(a: TranslationInput, b: TranslationInput): boolean {
  return (
    a.module === b.module &&
    isSameList(a.hosts, b.hosts) &&
    isSameList(a.listeners, b.listeners) &&
    isSameList(a.filters, b.filters) &&
    isSameList(a.filterPolicies, b.filterPolicies) &&
    isSameList(a.authServices, b.authServices) &&
    isSameList(a.rateLimits, b.rateLimits) &&
    isSameList(a.rateLimitServices, b.rateLimitServices) &&
    isSameList(a.unenforced, b.unenforced)
  );
}

function isSameList(a: readonly object[], b: readonly object[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function changedPrefixes(
  before: ReadonlyMap<string, TranslatedMapping>,
  now: ReadonlyMap<string, TranslatedMapping>,
): ReadonlySet<string> | null {
  const prefixes = new Set<string>();
  let changes = 0;
  for (const [key, mapping] of now) {
    const old = before.get(key);
    if (old === mapping) continue;
    prefixes.add(mapping.spec.prefix);
    if (old !== undefined) prefixes.add(old.spec.prefix);
    changes += 1;
    if (changes > MAX_CHANGES) return null;
  }
  for (const [key, { spec }] of before) if (!now.has(key)) prefixes.add(spec.prefix);
  return prefixes.size > MAX_CHANGES ? null : prefixes;
}

function indexMappings(mappings: readonly TranslatedMapping[]): ReadonlyMap<string, TranslatedMapping> {
  return new Map(mappings.map((mapping) => [keyOf(mapping.source), mapping]));
}

function splitFindings(
  all: readonly Finding[],
  mappings: ReadonlyMap<string, TranslatedMapping>,
): Pick<Memory<never, never>, 'findings' | 'otherFindings'> {
  const findings = new Map<string, Finding[]>();
  const otherFindings: Finding[] = [];
  for (const finding of all) {
    const key = finding.source === null ? null : keyOf(finding.source);
    if (key === null || isJoint(finding) || !mappings.has(key)) {
      otherFindings.push(finding);
      continue;
    }
    const list = findings.get(key);
    if (list === undefined) findings.set(key, [finding]);
    else list.push(finding);
  }
  return { findings, otherFindings };
}

/** What Filters and FilterPolicies say of themselves counts no Mappings. */
function isJoint({ code, source }: Finding): boolean {
  return JOINT_FINDINGS.has(code) && source?.kind !== 'Filter' && source?.kind !== 'FilterPolicy';
}

/** Both are sorted by id. */
function mergeById(kept: readonly RouteModelRoute[], added: readonly RouteModelRoute[]): readonly RouteModelRoute[] {
  const merged: RouteModelRoute[] = [];
  let next = 0;
  for (const route of kept) {
    for (
      let other = added[next];
      other !== undefined && compareCodePoints(other.id, route.id) < 0;
      other = added[next]
    ) {
      merged.push(other);
      next += 1;
    }
    merged.push(route);
  }
  return [...merged, ...added.slice(next)];
}
