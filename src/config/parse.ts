/** The default export of routes.config.ts, from anything at all to a checked configuration. */
import type * as z from 'zod';
import { finding, type Report, type SourceRef } from '../diagnostics/finding.ts';
import type { ClusterModel, Json, ServiceOrigin, UpstreamTls } from '../model/route-model.ts';
import { formatPath, toPlainData, type DataProblem } from './plain-data.ts';
import type { AuthMethodUse } from '../policies/auth/options.ts';
import { readMethod, type DeclaredMethods } from './authentication.ts';
import { parseRoute, type RouteContext } from './parse-route.ts';
import type { CheckedRoute, PortolanConfig } from './portolan-config.ts';
import { problem, problemsOf, unknownKey, valueAt, type Problem } from './problems.ts';
import { readService, serviceFields, type DeclaredUpstreams, type ServiceFields } from './read-backends.ts';
import { ambassadorSchema, clusterSchema, gatewaySchema, paritySchema, upstreamSchema } from './schema.ts';
import { ambassadorChoices, settingsPatch } from './settings-patch.ts';
import { findSourceLines, type SourceLines } from './source-lines.ts';
import { isCleartext, tlsModel } from './upstream-tls.ts';

const PARTS = ['clusters', 'upstreams', 'authentication', 'routes', 'ambassador', 'parity', 'gateway'] as const;
/** Part of the configuration that holds entries of a kind. */
const PART_OF: Readonly<Record<string, string>> = {
  Cluster: 'clusters',
  Upstream: 'upstreams',
  Authentication: 'authentication',
};
const DEFAULT_INGRESS_HEADER = 'x-portolan-service';

type ParseContext = {
  readonly file: string;
  readonly lines: SourceLines;
  readonly report: Report;
  /** Full paths of what is not data: reported, and null in the value. */
  readonly notData: Set<string>;
};

export type ConfigOrigin = {
  /** Source text, which gives findings their lines. Default: no lines. */
  readonly text?: string;
  /** Values that were not data and are null in `value`. Default none. */
  readonly notData?: readonly DataProblem[];
};

/**
 * Never throws. A wrong part costs that part alone: a bad route refuses at its own match, a bad cluster
 * or upstream reaches nothing, a bad switch keeps its default. null: there is no configuration in it at all.
 *
 * `file` names the configuration in findings; `origin` is what loading it from disk found out.
 */
export function parseConfig(
  value: unknown,
  report: Report,
  file: string,
  origin: ConfigOrigin = {},
): PortolanConfig | null {
  const context: ParseContext = { file, lines: findSourceLines(origin.text ?? null), report, notData: new Set() };
  const notData = ({ path, message }: DataProblem): void => {
    context.notData.add(path);
    const hint = 'Keep the configuration plain data; compute values before, in the file itself.';
    report(
      finding('error', 'config-not-data', message, {
        source: configSource(context),
        path: path === '' ? null : path,
        hint,
      }),
    );
  };
  for (const each of origin.notData ?? []) notData(each);
  const data = toPlainData(value, notData);
  if (!isObject(data)) {
    if (!context.notData.has('')) {
      reportPart(
        context,
        null,
        problem([], 'The configuration must be an object.', 'export default defineConfig({ … })'),
      );
    }
    return null;
  }
  for (const key of Object.keys(data)) {
    if (!PARTS.some((part) => part === key)) reportPart(context, null, unknownKey([], key, PARTS));
  }
  const clusters = parseClusters(data.clusters, context);
  const upstreams = parseUpstreams(data.upstreams, clusters.names, context);
  const methods = parseAuthentication(data.authentication, context);
  const parity = parsePart(paritySchema, data.parity, 'parity', context);
  const gateway = parsePart(gatewaySchema, data.gateway, 'gateway', context);
  const ambassador = parsePart(ambassadorSchema, data.ambassador, 'ambassador', context);
  return {
    file,
    routes: parseRoutes(data.routes, { upstreams, clusters: clusters.names, methods }, context),
    clusters: clusters.models,
    settings: settingsPatch(parity, gateway),
    ambassador: ambassadorChoices(parity, ambassador),
  };
}

function parseRoutes(
  value: Json | undefined,
  declared: Pick<RouteContext, 'upstreams' | 'clusters' | 'methods'>,
  context: ParseContext,
): readonly CheckedRoute[] {
  if (value === undefined) return [];
  if (!isList(value)) {
    reportPart(context, 'routes', problem([], '`routes` must be a list.'));
    return [];
  }
  const names = new Set<string>();
  const routes: CheckedRoute[] = [];
  for (const [index, entry] of value.entries()) {
    const route = parseRoute(entry, index, { ...context, ...declared, names });
    if (route !== null) routes.push(route);
  }
  return routes;
}

function parseClusters(
  value: Json | undefined,
  context: ParseContext,
): { readonly models: readonly ClusterModel[]; readonly names: ReadonlySet<string> } {
  const entries = entriesOf(value, 'clusters', context);
  const models: ClusterModel[] = [];
  let defaultName: string | null = null;
  for (const [name, entry] of entries) {
    const source: SourceRef = { ...configSource(context), kind: 'Cluster', name, line: context.lines.key(name) };
    const result = clusterSchema.safeParse(entry);
    if (!result.success) {
      for (const each of problemsOf(result.error, clusterSchema, entry)) reportAt(context, source, each);
    }
    // A wrong cluster keeps its place but reaches nothing: otherwise its services would be looked for in another one.
    const model = clusterModel(name, result.success ? result.data : {});
    if (result.success) reportUnusedTls(context, source, result.data);
    const isDefault = valueAt(entry, ['default']) === true;
    if (isDefault && defaultName !== null) {
      const message = `The cluster \`${defaultName}\` is the default already.`;
      reportAt(context, source, problem(['default'], message, 'Mark one cluster only.'));
    }
    if (isDefault && defaultName === null) {
      defaultName = name;
      models.unshift(model);
    } else {
      models.push(model);
    }
  }
  return { models, names: new Set(entries.map(([name]) => name)) };
}

type Cluster = z.infer<typeof clusterSchema>;

function clusterModel(name: string, cluster: Cluster): ClusterModel {
  const { services = {}, template, ingress, vpcService, echoInDev } = cluster;
  const tls = tlsModel(cluster.tls);
  const serviceOrigin = (service: string | { url: string; tls?: UpstreamTls }): ServiceOrigin => {
    const { url, tls: own = cluster.tls } = typeof service === 'string' ? { url: service } : service;
    const effective = isCleartext(url) ? null : tlsModel(own);
    return effective === null ? { url } : { url, tls: effective };
  };
  return {
    name,
    services: Object.fromEntries(Object.entries(services).map(([key, to]) => [key.toLowerCase(), serviceOrigin(to)])),
    template: template ?? null,
    ingress:
      ingress === undefined ? null : { ...ingress, header: (ingress.header ?? DEFAULT_INGRESS_HEADER).toLowerCase() },
    ...(tls === null ? {} : { tls }),
    vpcService: vpcService ?? null,
    ...(echoInDev === true ? { echo: true } : {}),
  };
}

/** Whoever names an authority expects TLS; that some of a cluster's services go without must not be silent. */
function reportUnusedTls(context: ParseContext, source: SourceRef, cluster: Cluster): void {
  if (tlsModel(cluster.tls) === null) return;
  const { services = {}, template, ingress } = cluster;
  const urls: readonly (readonly [readonly string[], string])[] = [
    ...Object.entries(services).map(([key, to]) => [['services', key], typeof to === 'string' ? to : to.url] as const),
    ...(template === undefined ? [] : [[['template'], template] as const]),
    ...(ingress === undefined ? [] : [[['ingress', 'url'], ingress.url] as const]),
  ];
  for (const [at, url] of urls) {
    if (!isCleartext(url)) continue;
    const message = `The cluster has \`tls\`, but ${url} is reached in clear.`;
    const hint = 'Write `https://`, or keep what is reached in clear in a cluster without `tls`.';
    context.report(finding('warning', 'upstream-tls-unused', message, { source, path: formatPath(at), hint }));
  }
}

function parseUpstreams(
  value: Json | undefined,
  clusters: ReadonlySet<string>,
  context: ParseContext,
): DeclaredUpstreams {
  const upstreams = new Map<string, ServiceFields | null>();
  for (const [name, entry] of entriesOf(value, 'upstreams', context)) {
    const result = upstreamSchema.safeParse(entry);
    const fields = result.success ? serviceFields(result.data) : null;
    const read = fields === null ? null : readService(fields, [], clusters);
    const problems = result.success ? [] : problemsOf(result.error, upstreamSchema, entry);
    const unreadable = read !== null && 'code' in read ? [read] : [];
    const source: SourceRef = { ...configSource(context), kind: 'Upstream', name, line: context.lines.key(name) };
    for (const each of [...problems, ...unreadable]) reportAt(context, source, each);
    upstreams.set(name, unreadable.length > 0 ? null : fields);
  }
  return upstreams;
}

function parseAuthentication(value: Json | undefined, context: ParseContext): DeclaredMethods {
  const methods = new Map<string, AuthMethodUse | null>();
  for (const [name, entry] of entriesOf(value, 'authentication', context)) {
    const source: SourceRef = { ...configSource(context), kind: 'Authentication', name, line: context.lines.key(name) };
    const { use, problems } = readMethod(entry, { ...source, path: null });
    // Said once, here: a finding for each route that demands it would bury what is wrong.
    const consequence = `Until then every route that demands \`${name}\` refuses.`;
    for (const { hint, ...each } of problems)
      reportAt(context, source, { ...each, hint: hint === null ? consequence : `${hint} ${consequence}` });
    methods.set(name, use);
  }
  return methods;
}

/** Whatever is wrong is left out, so that the other switches of the part still say what they say. */
function parsePart<Schema extends z.ZodObject>(
  schema: Schema,
  value: Json | undefined,
  part: string,
  context: ParseContext,
): Partial<z.infer<Schema>> {
  if (value === undefined) return {};
  if (!isObject(value)) {
    reportPart(context, part, problem([], `\`${part}\` must be an object.`));
    return {};
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = problemsOf(result.error, schema, value);
  for (const each of problems) reportPart(context, part, each);
  const wrong = new Set(problems.map(({ at }) => at[0]));
  const rest = schema.safeParse(Object.fromEntries(Object.entries(value).filter(([key]) => !wrong.has(key))));
  return rest.success ? rest.data : {};
}

function entriesOf(value: Json | undefined, part: string, context: ParseContext): readonly (readonly [string, Json])[] {
  if (value === undefined) return [];
  if (isObject(value)) return Object.entries(value);
  reportPart(context, part, problem([], `\`${part}\` must be an object of named entries.`));
  return [];
}

function reportPart(context: ParseContext, part: string | null, found: Problem): void {
  const at = part === null ? found.at : [part, ...found.at];
  const key = at.findLast((each) => typeof each === 'string');
  const line = typeof key === 'string' ? context.lines.key(key) : null;
  reportAt(context, { ...configSource(context), line }, { ...found, at });
}

function reportAt({ report, notData }: ParseContext, source: SourceRef, { code, message, at, hint }: Problem): void {
  const path = formatPath(at);
  const full = source.kind === 'Config' ? path : formatPath([PART_OF[source.kind] ?? source.kind, source.name, ...at]);
  if (notData.has(full)) return;
  report(finding('error', code, message, { source, path: path === '' ? null : path, hint }));
}

function configSource({ file }: ParseContext): SourceRef {
  return { kind: 'Config', namespace: null, name: file.replace(/^.*[\\/]/, ''), file, line: null };
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
