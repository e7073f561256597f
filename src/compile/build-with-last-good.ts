/**
 * Builds, and where a resource turns out broken builds again with the last version of it that was
 * accepted. At most three runs: as written; with every stand-in; and, when some stand-in is itself
 * unusable among today's other resources, without those.
 */
import { finding, type Finding, type SourceRef } from '../diagnostics/finding.ts';
import type { RouteModel } from '../model/route-model.ts';
import type { AcceptedResources } from '../program/accepted.ts';
import type { RouteProgram } from '../program/route-program.ts';
import { compareSources } from './compare-sources.ts';
import { keyOf, type KeyOrder } from './key-order.ts';
import {
  acceptResources,
  brokenKeys,
  findSubstitutions,
  substituteObject,
  type ManifestObject,
  type PlainForm,
  type Substitution,
} from './last-accepted.ts';
import { resourceStatuses, type ResourceStatus } from './resource-status.ts';

/** One run over one set of objects. */
export type BuildRun = {
  readonly model: RouteModel;
  readonly program: RouteProgram;
  readonly findings: readonly Finding[];
  /** Sources of the resources that take part: of our kinds, readable and of our installation. */
  readonly resources: readonly SourceRef[];
};

/** `staleSince`: resource key → since when an earlier version stands in for it. */
export type RunBuild<Item extends ManifestObject> = (
  objects: readonly Item[],
  staleSince: ReadonlyMap<string, string>,
) => BuildRun;

export type LastGoodInput<Item extends ManifestObject> = {
  readonly objects: readonly Item[];
  /** What reading the sources already reported. */
  readonly initialFindings: readonly Finding[];
  readonly previous: AcceptedResources;
  /** ISO time. */
  readonly now: string;
  readonly plain: PlainForm;
  readonly order: KeyOrder;
};

export type LastGoodResult = BuildRun & {
  readonly statuses: readonly ResourceStatus[];
  readonly accepted: AcceptedResources;
};

export function buildWithLastGood<Item extends ManifestObject>(
  input: LastGoodInput<Item>,
  run: RunBuild<Item | ManifestObject>,
): LastGoodResult {
  const { objects, initialFindings, previous, plain, order } = input;
  const asWritten = run(objects, new Map());
  const findings = [...initialFindings, ...asWritten.findings];
  const broken = brokenKeys(findings);
  const present = indexObjects(objects);
  const unreadable = unreadableSources(initialFindings, present);

  const wanted = findSubstitutions(broken, present, unreadable, input);
  const { result, substituted } = runWithStandIns(input, asWritten, wanted, run);
  const sources = resourceSources(result, present, unreadable, previous);
  const keys = order.sorted(sources);
  const all = substituted.size === 0 ? findings : withStandInFindings(findings, result, substituted, input);
  return {
    ...result,
    findings: all,
    statuses: resourceStatuses(keys, sources, { findings: all, program: result.program, stale: substituted }),
    // Judged by the last run: what was wrong only beside a broken resource is right beside its stand-in.
    accepted: acceptResources(keys, present, brokenKeys([...initialFindings, ...result.findings]), {
      substituted,
      previous,
      plain,
    }),
  };
}

function runWithStandIns<Item extends ManifestObject>(
  input: LastGoodInput<Item>,
  asWritten: BuildRun,
  wanted: readonly Substitution[],
  run: RunBuild<Item | ManifestObject>,
): { readonly result: BuildRun; readonly substituted: ReadonlyMap<string, Substitution> } {
  let substituted = new Map(wanted.map((one) => [one.key, one]));
  let result = asWritten;
  for (let attempt = 0; attempt < 2 && substituted.size > 0; attempt += 1) {
    const since = new Map([...substituted].map(([key, { staleSince }]) => [key, staleSince]));
    result = run(withStandIns(input.objects, substituted), since);
    const still = brokenKeys(result.findings);
    const usable = new Map([...substituted].filter(([key]) => !still.has(key)));
    if (usable.size === substituted.size) return { result, substituted };
    substituted = usable;
  }
  // Two rounds did not settle it: what is written, with its refusals, is the predictable answer.
  return { result: asWritten, substituted: new Map() };
}

function withStandIns<Item extends ManifestObject>(
  objects: readonly Item[],
  substituted: ReadonlyMap<string, Substitution>,
): readonly (Item | ManifestObject)[] {
  const kept = objects.filter(({ source }) => !substituted.has(keyOf(source)));
  return [...kept, ...[...substituted.values()].map(substituteObject)];
}

/** The broken version is still what the author must read about; of the stand-in only that it stands in. */
function withStandInFindings(
  written: readonly Finding[],
  result: BuildRun,
  substituted: ReadonlyMap<string, Substitution>,
  { initialFindings, now }: { readonly initialFindings: readonly Finding[]; readonly now: string },
): readonly Finding[] {
  const isSubstituted = ({ source }: Finding): boolean => source !== null && substituted.has(keyOf(source));
  const ofOthers = result.findings.filter((one) => !isSubstituted(one));
  const ofBroken = written.filter((one) => isSubstituted(one) && !initialFindings.includes(one));
  const standIns = [...substituted.values()].map(({ source, staleSince }) =>
    finding(
      'warning',
      'serving-last-accepted',
      `This version cannot be served, so the last accepted one keeps serving: since ${staleSince}${ageText(staleSince, now)}.`,
      { source, hint: 'Correct the errors above, or delete the resource to stop serving it.' },
    ),
  );
  return [...initialFindings, ...ofOthers, ...ofBroken, ...standIns];
}

function ageText(since: string, now: string): string {
  const minutes = Math.floor((Date.parse(now) - Date.parse(since)) / 60_000);
  if (!(minutes >= 1)) return '';
  if (minutes < 120) return ` (${minutes} min)`;
  return minutes < 2880 ? ` (${Math.floor(minutes / 60)} h)` : ` (${Math.floor(minutes / 1440)} days)`;
}

/** Of two objects with one identity the first by file and line stands, as it does for the translator. */
function indexObjects<Item extends ManifestObject>(objects: readonly Item[]): ReadonlyMap<string, Item> {
  const byKey = new Map<string, Item>();
  for (const object of objects) {
    const key = keyOf(object.source);
    const other = byKey.get(key);
    if (other === undefined || compareSources(object.source, other.source) < 0) byKey.set(key, object);
  }
  return byKey;
}

/** Resources of which only the identity could be read. */
function unreadableSources(
  findings: readonly Finding[],
  present: ReadonlyMap<string, ManifestObject>,
): ReadonlyMap<string, SourceRef> {
  const sources = new Map<string, SourceRef>();
  for (const { severity, source } of findings) {
    if (severity !== 'error' || source === null) continue;
    const key = keyOf(source);
    if (!present.has(key) && !sources.has(key)) sources.set(key, source);
  }
  return sources;
}

/** Every resource there is something to say about: those taking part, and the unreadable ones known from before. */
function resourceSources(
  result: BuildRun,
  present: ReadonlyMap<string, ManifestObject>,
  unreadable: ReadonlyMap<string, SourceRef>,
  previous: AcceptedResources,
): ReadonlyMap<string, SourceRef> {
  const sources = new Map<string, SourceRef>();
  for (const source of result.resources) sources.set(keyOf(source), source);
  for (const { source, severity } of result.findings) {
    if (severity !== 'error' || source === null) continue;
    const key = keyOf(source);
    // An object so wrong that it takes no part is still a resource of the user's.
    const object = present.get(key);
    if (object !== undefined && !sources.has(key)) sources.set(key, object.source);
  }
  for (const [key, source] of unreadable) if (Object.hasOwn(previous, key)) sources.set(key, source);
  return sources;
}
