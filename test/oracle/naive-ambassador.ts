/**
 * The oracle for Ambassador resources: what a request gets, found by walking over plain Mappings,
 * Hosts and Listeners by the published rules, one after the other.
 *
 * Nothing of src is used. It knows no model, no program and no index: groups are sorted by their
 * weight lists as Python sorts lists, and walked with one draw per request. What it cannot say
 * (a transport that no rule covers) it leaves out by answering `unspecified`.
 *
 * The deliberate differences that it shares with the gateway: hostnames without port and in lower
 * case, ties by namespace and name, and Mappings without hostname that no Host selects.
 */
import type {
  NaiveAnswer,
  NaiveHost,
  NaiveMapping,
  NaiveMappingSpec,
  NaiveMeta,
  NaiveRequest,
  NaiveResources,
} from './ambassador-resources.ts';
import {
  attaches,
  chooseVirtualHost,
  effectiveScheme,
  globMatches,
  hasAll,
  hostnameOf,
  isSecure,
  portless,
  type MappingHost,
} from './naive-hosts.ts';

type Condition = { readonly name: string; readonly value: string | null; readonly regex: boolean };
type Linked = {
  readonly mapping: NaiveMapping;
  readonly spec: NaiveMappingSpec;
  readonly host: MappingHost | null;
  readonly headers: readonly Condition[];
  readonly query: readonly Condition[];
  readonly weight: readonly (number | string)[];
};
type Group = {
  readonly members: readonly Linked[];
  readonly weight: Linked['weight'];
  readonly host: MappingHost | null;
  readonly labels: Readonly<Record<string, string>>;
};

/** Groups are put in order once; every request is then a walk over all of them. */
export function naiveAmbassador(
  resources: NaiveResources,
  unattached: 'serve' | 'drop',
): (request: NaiveRequest) => NaiveAnswer {
  const hosts = resources.hosts.toSorted(byName);
  const groups = orderedGroups(resources.mappings, hosts).map((group) => ({ group, shares: thresholds(group) }));
  // The first Host of a hostname is the virtual host; the others exist for nobody.
  const virtual = hosts.filter((host, at) => hosts.findIndex((other) => hostnameOf(other) === hostnameOf(host)) === at);
  return (request) => {
    const { listeners } = resources;
    const name = portless(request.host);
    const own = chooseVirtualHost(virtual, name);
    const secure = own === null ? true : isSecure(own, listeners, request);
    if (secure === 'unserved') return { kind: 'none' };
    if (secure === 'unspecified') return { kind: 'unspecified' };
    const action = own?.spec.requestPolicy?.insecure.action ?? 'Redirect';
    const scheme = effectiveScheme(listeners, request);

    for (const { group, shares } of groups) {
      if (!attaches(group, own, hosts, unattached)) continue;
      const members = shares ?? group.members.map((linked) => ({ linked, below: 100 }));
      for (const { linked, below } of members) {
        if (request.r >= below || !holds(linked, name, request)) continue;
        if (secure || action === 'Route' || answersAcme(linked)) {
          return shares === null ? { kind: 'refused' } : act(linked, group, { ...request, scheme });
        }
        if (action === 'Redirect') return redirectToHttps(request, scheme);
        // Reject: nothing is emitted for this route, so the walk goes on.
      }
    }
    return { kind: 'none' };
  };
}

/** Envoy's own prefix, not a regex that reads like it. */
function answersAcme({ spec }: Linked): boolean {
  return spec.prefix === '/.well-known/acme-challenge/' && spec.prefix_regex !== true;
}

// ——— groups and their order

function orderedGroups(mappings: readonly NaiveMapping[], hosts: readonly NaiveHost[]): readonly Group[] {
  const byIdentity = new Map<string, Linked[]>();
  for (const linked of mappings.toSorted(byName).map(link)) {
    const key = identity(linked, hosts);
    byIdentity.set(key, [...(byIdentity.get(key) ?? []), linked]);
  }
  return [...byIdentity.values()]
    .map(admit)
    .map((members) => ({
      members,
      weight:
        members
          .map(({ weight }) => weight)
          .toSorted(compareLists)
          .at(-1) ?? [],
      host: members[0]?.host ?? null,
      // Flattened: the last that has labels writes.
      labels: members.findLast(({ mapping }) => Object.keys(mapping.meta.labels).length > 0)?.mapping.meta.labels ?? {},
    }))
    .toSorted(
      (a, b) =>
        compareLists(b.weight, a.weight) ||
        (a.members[0] !== undefined && b.members[0] !== undefined
          ? byName(a.members[0].mapping, b.members[0].mapping)
          : 0),
    );
}

function link(mapping: NaiveMapping): Linked {
  const spec = mapping.version === 'v2' ? fromV2(mapping.spec) : mapping.spec;
  const authority = spec.headers?.[':authority'];
  const host =
    spec.hostname !== undefined
      ? { glob: spec.hostname, regex: false }
      : spec.host !== undefined
        ? { glob: spec.host, regex: spec.host_regex === true }
        : typeof authority === 'string'
          ? { glob: authority, regex: false }
          : null;
  const headers: Condition[] = [
    ...conditions(spec.headers, false).filter(({ name }) => name !== ':authority'),
    ...conditions(spec.regex_headers, true),
    ...(host === null ? [] : [{ name: ':authority', value: host.glob, regex: host.regex }]),
    ...(spec.method === undefined ? [] : [{ name: ':method', value: spec.method, regex: spec.method_regex === true }]),
  ];
  const query = [...conditions(spec.query_parameters, false), ...conditions(spec.regex_query_parameters, true)];
  const size = (list: readonly Condition[]): number =>
    list.reduce((sum, { name, value, regex }) => sum + name.length + (value || '*').length + (regex ? 1 : 0), 0);
  const texts = (list: readonly Condition[]): string[] => list.map(({ name, value }) => `${name}-${value || '*'}`);
  const weight = [
    spec.precedence ?? 0,
    spec.prefix.length,
    size(headers),
    size(query),
    spec.prefix,
    spec.method ?? 'GET',
    ...texts(headers),
    ...texts(query),
  ];
  return { mapping, spec, host, headers, query, weight };
}

function fromV2(spec: NaiveMappingSpec): NaiveMappingSpec {
  const { host, headers, regex_headers: regexes, ...rest } = spec;
  const present = Object.entries(headers ?? {}).filter(([, value]) => value === true);
  const exact = Object.entries(headers ?? {}).filter(([, value]) => value !== true);
  return {
    ...rest,
    ...(spec.host_regex === true && host !== undefined ? { host } : { hostname: host ?? '*' }),
    headers: Object.fromEntries(exact),
    regex_headers: { ...Object.fromEntries(present.map(([name]) => [name, '.*'])), ...regexes },
  };
}

function conditions(map: Readonly<Record<string, string | true>> | undefined, regex: boolean): Condition[] {
  return Object.keys(map ?? {})
    .toSorted()
    .map((name) => {
      const value = map?.[name];
      return { name, value: typeof value === 'string' ? value : null, regex };
    });
}

function identity({ mapping, spec, host, headers, query }: Linked, hosts: readonly NaiveHost[]): string {
  const selectors = hosts.flatMap(({ spec: { mappingSelector } }) =>
    mappingSelector !== undefined && hasAll(mapping.meta.labels, mappingSelector.matchLabels)
      ? Object.entries(mappingSelector.matchLabels)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .flat()
      : [],
  );
  return JSON.stringify([
    spec.method ?? 'GET',
    spec.prefix,
    // Hostnames that are compared alike are alike.
    headers.map(({ name, value, regex }) => [name, name === ':authority' && !regex ? portless(value ?? '') : value]),
    query.map(({ name, value }) => [name, value]),
    host === null ? selectors : null,
    spec.precedence ?? 0,
  ]);
}

/** Core fields must agree with the first; a redirect shares its group with nobody. */
function admit(candidates: readonly Linked[]): readonly Linked[] {
  const [first] = candidates;
  const members: Linked[] = [];
  for (const candidate of candidates) {
    if (first === undefined || conflicts(first, candidate)) continue;
    const redirects = candidate.spec.host_redirect === true || members[0]?.spec.host_redirect === true;
    if (members.length > 0 && redirects) continue;
    // Who does not say it has the group's path kind.
    const { prefix_regex = false, prefix_exact = false } = first.spec;
    members.push({ ...candidate, spec: { ...candidate.spec, prefix_regex, prefix_exact } });
  }
  return members;
}

function conflicts(first: Linked, candidate: Linked): boolean {
  const flags = ['bypass_auth', 'prefix_regex', 'prefix_exact'] as const;
  if (flags.some((key) => candidate.spec[key] !== undefined && candidate.spec[key] !== first.spec[key])) return true;
  return candidate.headers.some(({ regex }, at) => regex !== first.headers[at]?.regex);
}

/** As Python compares lists: element by element, and of equal beginnings the longer list is larger. */
function compareLists(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [at, left] of a.entries()) {
    const right = b[at];
    if (right === undefined) return 1;
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.length - b.length;
}

// ——— canaries

type Member = { readonly linked: Linked; readonly below: number };

/** null: more than 100. Ambassador drops such a group; the gateway refuses what it would have got. */
function thresholds({ members }: Group): readonly Member[] | null {
  const [only] = members;
  if (only !== undefined && members.length === 1) return [{ linked: only, below: 100 }];
  let below = 0;
  const weighted = members
    .filter(({ spec }) => spec.weight !== undefined)
    .map((linked) => ({ linked, below: (below += linked.spec.weight ?? 0) }));
  if (below > 100) return null;
  const weightless = members.filter(({ spec }) => spec.weight === undefined);
  const each = bankersRound((100 - below) / weightless.length);
  const others = weightless.map((linked, at) => ({
    linked,
    below: at === weightless.length - 1 ? 100 : (below += each),
  }));
  return [...weighted, ...others];
}

function bankersRound(value: number): number {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

// ——— one route

function holds({ spec, headers, query }: Linked, name: string, request: NaiveRequest): boolean {
  return (
    pathHolds(spec, request.path) &&
    headers.every((condition) => headerHolds(condition, name, request)) &&
    query.every(({ name: key, value, regex }) => valueHolds(parameter(request.query, key), value, regex))
  );
}

function pathHolds(spec: NaiveMappingSpec, path: string): boolean {
  if (spec.prefix_regex === true) return new RegExp(`^(?:${spec.prefix})$`).test(path);
  const fold = (text: string): string => (spec.case_sensitive === false ? text.toLowerCase() : text);
  const [text, prefix] = [fold(path), fold(spec.prefix)];
  return spec.prefix_exact === true ? text === prefix : text.startsWith(prefix);
}

function headerHolds({ name, value, regex }: Condition, hostname: string, request: NaiveRequest): boolean {
  if (name === ':authority' && !regex) return globMatches(portless(value ?? '*'), hostname);
  if (name === ':authority') return valueHolds(hostname, value, true);
  if (name === ':method') return valueHolds(request.method, value, regex);
  return valueHolds(request.headers[name.toLowerCase()] ?? null, value, regex);
}

function valueHolds(actual: string | null, expected: string | null, regex: boolean): boolean {
  if (actual === null) return false;
  if (expected === null) return true;
  return regex ? new RegExp(`^(?:${expected})$`).test(actual) : actual === expected;
}

function parameter(query: string | null, key: string): string | null {
  const found = query?.split('&').find((part) => part === key || part.startsWith(`${key}=`));
  return found === undefined ? null : found.slice(key.length + 1);
}

/** The default port of the scheme that is left goes with it. */
function redirectToHttps({ host, path, query }: NaiveRequest, scheme: string): NaiveAnswer {
  const authority = scheme === 'http' ? host.toLowerCase().replace(/:80$/, '') : host.toLowerCase();
  const location = `https://${authority}${path}${query === null ? '' : `?${query}`}`;
  return { kind: 'redirect', status: 301, location };
}

function act(
  { mapping, spec }: Linked,
  { members }: Group,
  request: Omit<NaiveRequest, 'transport'> & { readonly scheme: string },
): NaiveAnswer {
  const service = readService(spec.service, mapping.meta.namespace);
  const rest = request.query === null ? '' : `?${request.query}`;
  if (spec.host_redirect === true) {
    const path = spec.path_redirect ?? replaced(spec, request.path, spec.prefix_redirect ?? null);
    return {
      kind: 'redirect',
      status: spec.redirect_response_code ?? 301,
      location: `${request.scheme}://${service.authority}${path}${rest}`,
    };
  }
  // Flattened over the group: the last of equal weights writes.
  const regexRewrite = members.at(-1)?.spec.regex_rewrite;
  const path =
    regexRewrite === undefined
      ? replaced(spec, request.path, spec.rewrite === '' ? null : (spec.rewrite ?? '/'))
      : request.path.replaceAll(new RegExp(regexRewrite.pattern, 'g'), regexRewrite.substitution.replaceAll('\\', '$'));
  return {
    kind: 'forward',
    mapping: `${mapping.meta.namespace}/${mapping.meta.name}`,
    url: `${service.scheme}://${service.reached}${path}${rest}`,
    host: spec.host_rewrite ?? (spec.auto_host_rewrite === true ? service.dnsName : request.host.toLowerCase()),
    added: addedHeaders(members, request),
  };
}

function replaced(spec: NaiveMappingSpec, path: string, value: string | null): string {
  if (value === null) return path;
  return spec.prefix_regex === true || spec.prefix_exact === true ? value : value + path.slice(spec.prefix.length);
}

function addedHeaders(
  members: readonly Linked[],
  { headers }: Pick<NaiveRequest, 'headers'>,
): Readonly<Record<string, string>> {
  const result = new Map(Object.entries(headers).filter(([name]) => name.startsWith('x-t')));
  const removed = members.findLast(({ spec }) => spec.remove_request_headers !== undefined)?.spec
    .remove_request_headers;
  for (const name of removed ?? []) result.delete(name);
  const added = new Map(members.flatMap(({ spec }) => Object.entries(spec.add_request_headers ?? {})));
  for (const [name, { value, append }] of added) {
    const before = result.get(name);
    result.set(name, append === false || before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries([...result].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

// ——— services

type Service = {
  readonly scheme: string;
  readonly authority: string;
  /** Where the echo stands in for it: `name.namespace[:port]`. */
  readonly reached: string;
  readonly dnsName: string;
};

function readService(text: string, namespace: string): Service {
  const [, scheme = 'http', host = '', port = ''] = /^(?:(https?):\/\/)?([^:/]+)(:\d+)?/.exec(text) ?? [];
  const name = host.toLowerCase();
  const qualified = namespace === 'default' || name.includes('.') ? name : `${name}.${namespace}`;
  const dnsName = name.includes('.') ? name : `${name}.${namespace}`;
  return { scheme, authority: qualified + port, reached: dnsName + port, dnsName };
}

function byName(a: { readonly meta: NaiveMeta }, b: { readonly meta: NaiveMeta }): number {
  const [left, right] = [`${a.meta.namespace}/${a.meta.name}`, `${b.meta.namespace}/${b.meta.name}`];
  return left < right ? -1 : Number(left > right);
}
