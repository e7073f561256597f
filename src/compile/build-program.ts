/**
 * Everything from read sources to a route program, as one pure function: used by every command, the
 * development server and the tests alike. The same input in any order gives an equal program.
 */
import type { PortolanConfig } from '../config/portolan-config.ts';
import { secretSetsIn } from '../config/secret-sets.ts';
import { translateConfig } from '../config/translate.ts';
import { sortFindings } from '../diagnostics/render.ts';
import { finding, resourceKey, type Finding, type SourceRef } from '../diagnostics/finding.ts';
import { compareCodePoints } from '../model/rank.ts';
import type { RouteModel } from '../model/route-model.ts';
import { NOTHING_KNOWN, secretPlaceOf, type KnownSecrets, type SecretPlace } from '../model/secret-states.ts';
import { mergeSettings } from '../model/settings.ts';
import { validateModel } from '../model/validate-model.ts';
import type { AcceptedResources } from '../program/accepted.ts';
import type { RouteProgram } from '../program/route-program.ts';
import {
  isOfOtherHostname,
  isProtecting,
  isSameObject,
  scopeOf,
  strictnessOf,
} from '../resources/ambassador/compare-objects.ts';
import { secretReferences } from '../resources/ambassador/secret-references.ts';
import { normalizeResources } from '../resources/ambassador/normalize.ts';
import { reportUnmatchedLimits } from '../resources/ambassador/unmatched-limits.ts';
import { translateAmbassador, type AmbassadorTranslation } from '../resources/ambassador/translate.ts';
import type { AmbassadorOptions, KubernetesObject, NormalizedResources } from '../resources/ambassador/types.ts';
import { buildWithLastGood, type BuildRun } from './build-with-last-good.ts';
import { compareSources } from './compare-sources.ts';
import { CompileCache, compileModel } from './compile-model.ts';
import { IncrementalNormalization } from './incremental-normalization.ts';
import { IncrementalTranslation } from './incremental-translation.ts';
import { KeyOrder } from './key-order.ts';
import { PlainForm } from './last-accepted.ts';
import { MergeCache, mergeClusters, withClusters, withSingleVersions, type Merged } from './merge-clusters.ts';
import type { ResourceStatus } from './resource-status.ts';
import type { UpstreamOptions } from './upstreams.ts';

export type BuildInput = {
  readonly objects: readonly KubernetesObject[];
  /** null: no routes.config.ts. */
  readonly config: PortolanConfig | null;
  /** What reading and parsing the sources already found. */
  readonly initialFindings?: readonly Finding[];
  /** Clusters whose content is not known now: what they held last stays. Default none. */
  readonly silentClusters?: readonly string[];
  /** Of the Secrets that APIKey Filters name. Default nothing is known; who publishes must know. */
  readonly secrets?: KnownSecrets;
};

export type BuildOptions = UpstreamOptions & {
  /** Go before what routes.config.ts says about the installation. */
  readonly ambassador?: Partial<AmbassadorOptions>;
  /** `accepted` of the last build that was published. Default none. */
  readonly previous?: AcceptedResources;
  /** ISO time; reaches the program only as `staleSince` of a resource that broke in this build. */
  readonly now: string;
  /** Give the same one to each build of one process to make rebuilds cheap. */
  readonly cache?: BuildCache;
};

export type BuildResult = {
  readonly model: RouteModel;
  readonly program: RouteProgram;
  /** Sorted, see sortFindings. */
  readonly findings: readonly Finding[];
  /** One per resource, by resource key. */
  readonly statuses: readonly ResourceStatus[];
  /** For `previous` of the next build, and to be kept beside the program. */
  readonly accepted: AcceptedResources;
  /** `routes`: those attached to at least one domain. */
  readonly counts: { readonly resources: number; readonly routes: number };
};

/** What one build can take over from the one before. Never changes a result. */
export class BuildCache {
  readonly compile = new CompileCache();
  readonly plain = new PlainForm();
  readonly order = new KeyOrder();
  readonly merge = new MergeCache();
  readonly normalization = new IncrementalNormalization<KubernetesObject, NormalizedResources>();
  /** One for what is written, one for the run with stand-ins: each sees its own small changes. */
  readonly written = new IncrementalTranslation<NormalizedResources, AmbassadorTranslation>();
  readonly withStandIns = new IncrementalTranslation<NormalizedResources, AmbassadorTranslation>();
}

export function buildProgram(input: BuildInput, options: BuildOptions): BuildResult {
  const cache = options.cache ?? new BuildCache();
  const ambassador = ambassadorOptions(input.config, options.ambassador);
  const merged = merge(input, { ambassador, options, cache });
  const { silentClusters = [], secrets: given = NOTHING_KNOWN } = input;
  const secrets = { ...given, silentClusters };
  const result = buildWithLastGood(
    {
      objects: merged.objects,
      initialFindings: merged.findings,
      previous: merged.previous,
      now: options.now,
      plain: cache.plain,
      order: cache.order,
    },
    (objects, staleSince) =>
      runOnce(objects, staleSince, { config: input.config, secrets, ambassador, options, cache }),
  );
  return {
    model: result.model,
    program: result.program,
    findings: sortFindings(result.findings),
    statuses: withClusters(result.statuses, merged),
    accepted: withSingleVersions(result.accepted, merged, cache.plain),
    counts: {
      resources: result.statuses.length,
      routes: result.model.routes.filter(({ domains }) => domains.length > 0).length,
    },
  };
}

/** The Secrets that decide about requests: of Filters, those that may stand in for them, and the configuration. */
export function referencedSecrets(
  { objects, config }: Pick<BuildInput, 'objects' | 'config'>,
  previous: AcceptedResources,
): { readonly byFilters: readonly SecretPlace[]; readonly byConfig: readonly SecretPlace[] } {
  const kept = Object.values(previous).map(({ object }) => object);
  const sets =
    config === null
      ? []
      : config.routes.flatMap(({ outcome }) => (outcome.kind === 'serve' ? secretSetsIn(outcome.policies) : []));
  return {
    byFilters: [...secretReferences(objects), ...secretReferences(kept)],
    byConfig: sets.flatMap((set) => secretPlaceOf(set) ?? []),
  };
}

/** One resource of several clusters is one object from here on. */
function merge(
  { objects, initialFindings = [], silentClusters = [], config }: BuildInput,
  { ambassador, options, cache }: Omit<RunContext, 'config' | 'secrets'>,
): Merged<KubernetesObject> {
  const order = (config?.clusters ?? []).map(({ name }) => name);
  const merged = mergeClusters(
    { objects, findings: initialFindings, silent: silentClusters, previous: options.previous ?? {}, order },
    {
      options: ambassador.ambassadorId,
      scopeOf: (object) => scopeOf(object, ambassador),
      allCount: isProtecting,
      isApart: (a, b) => isOfOtherHostname(a, b, ambassador),
      strictnessOf: (object) => strictnessOf(object, ambassador),
      isSame: (a, b) => isSameObject(a, b, ambassador),
    },
    cache.merge,
  );
  const names = new Set([...objects.flatMap(({ source }) => source.cluster ?? []), ...silentClusters]);
  // With echoes (dev) a service needs no way.
  const unknown = options.unresolved === 'echo' ? [] : [...names].filter((name) => !order.includes(name));
  return unknown.length === 0 ? merged : { ...merged, findings: [...merged.findings, ...unknown.map(unknownCluster)] };
}

function unknownCluster(name: string): Finding {
  return finding(
    'warning',
    'cluster-unknown',
    `Nothing is said about the cluster ${name}, so no service of it can be reached.`,
    { hint: `Add ${name} to \`clusters\` in routes.config.ts, or name the cluster as it is called there.` },
  );
}

type RunContext = {
  readonly config: PortolanConfig | null;
  readonly secrets: KnownSecrets;
  readonly ambassador: AmbassadorOptions;
  readonly options: BuildOptions;
  readonly cache: BuildCache;
};

function runOnce(
  objects: readonly KubernetesObject[],
  staleSince: ReadonlyMap<string, string>,
  { config, secrets, ambassador, options, cache }: RunContext,
): BuildRun {
  const findings: Finding[] = [];
  const report = (finding: Finding): void => void findings.push(finding);
  const allowed = [...ambassador.allowUnenforced].toSorted(compareCodePoints);
  const optionsText = JSON.stringify({ ...ambassador, allowUnenforced: allowed });

  const normalized = cache.normalization.normalize(
    inSourceOrder(objects),
    optionsText,
    (some, reportSome) => normalizeResources(some, ambassador, reportSome),
    report,
  );
  const resources = markStale(normalized, staleSince);
  const translation = staleSince.size === 0 ? cache.written : cache.withStandIns;
  const translated = translation.translate(
    resources,
    optionsText + secretsText(secrets),
    (some, reportSome) => translateAmbassador(some, { ...ambassador, secrets }, reportSome),
    report,
  );
  reportUnmatchedLimits(resources, ambassador, report);
  const authored = config === null ? null : translateConfig(config, translated.domains, report);
  const model: RouteModel = {
    domains: translated.domains,
    routes: [...translated.routes, ...(authored?.routes ?? [])],
    settings: mergeSettings(translated.settings, authored?.settings ?? null),
    clusters: authored?.clusters ?? [],
  };
  validateModel(model, report);
  const program = compileModel(model, options, report, cache.compile);
  return { model, program, findings, resources: allSources(resources) };
}

function secretsText({ states, others, silentClusters = [] }: KnownSecrets): string {
  const sorted = Object.entries(states).toSorted(([a], [b]) => compareCodePoints(a, b));
  return JSON.stringify([sorted, others, silentClusters.toSorted(compareCodePoints)]);
}

const DEFAULTS: AmbassadorOptions = {
  ambassadorId: 'default',
  ambassadorNamespace: 'default',
  allowUnenforced: new Set(),
  unattached: 'serve',
  prefixMode: 'raw',
  weightsRemainder: 'fallthrough',
  looseLabelSelectors: false,
  hostPort: 'strip',
  strictClaims: false,
};

/** Defaults < routes.config.ts < command line; accepted gaps in enforcement add up. */
function ambassadorOptions(config: PortolanConfig | null, chosen: Partial<AmbassadorOptions> = {}): AmbassadorOptions {
  const { allowUnenforced = [], ...written } = config?.ambassador ?? {};
  const allowed = new Set([...allowUnenforced, ...(chosen.allowUnenforced ?? [])]);
  return { ...DEFAULTS, ...written, ...chosen, allowUnenforced: allowed };
}

/** Of several objects with one name the first is used: by file and line, not by how the files arrived. */
function inSourceOrder(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  const inOrder = objects.every((object, index) => {
    const before = objects[index - 1];
    return before === undefined || compareSources(before.source, object.source) <= 0;
  });
  return inOrder ? objects : objects.toSorted((a, b) => compareSources(a.source, b.source));
}

/** A route of a stand-in says since when it is one. */
function markStale(resources: NormalizedResources, staleSince: ReadonlyMap<string, string>): NormalizedResources {
  if (staleSince.size === 0) return resources;
  const mark = <T extends { readonly source: SourceRef; readonly staleSince: string | null }>(resource: T): T => {
    const since = staleSince.get(resourceKey(resource.source));
    return since === undefined ? resource : { ...resource, staleSince: since };
  };
  const { mappings, hosts, listeners, module, filters, filterPolicies, authServices, unenforced } = resources;
  return {
    rateLimits: resources.rateLimits.map(mark),
    rateLimitServices: resources.rateLimitServices.map(mark),
    mappings: mappings.map(mark),
    hosts: hosts.map(mark),
    listeners: listeners.map(mark),
    module: module === null ? null : mark(module),
    filters: filters.map(mark),
    filterPolicies: filterPolicies.map(mark),
    authServices: authServices.map(mark),
    unenforced: unenforced.map(mark),
  };
}

function allSources(resources: NormalizedResources): readonly SourceRef[] {
  const { mappings, hosts, listeners, module, filters, filterPolicies, authServices } = resources;
  const { rateLimits, rateLimitServices, unenforced } = resources;
  const protecting = [
    ...filters,
    ...filterPolicies,
    ...authServices,
    ...rateLimits,
    ...rateLimitServices,
    ...unenforced,
  ];
  const all = [...mappings, ...hosts, ...listeners, ...protecting].map(({ source }) => source);
  return module === null ? all : [...all, module.source];
}
