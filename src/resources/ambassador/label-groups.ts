/**
 * The groups of rate-limit labels that requests of a Mapping have in one domain. A label is known at
 * build, or is a part of the request.
 */
import type { WrittenKeyPart } from './rate-limit-options.ts';
import type { LabelSpecifier, Labels } from './label-shape.ts';
import type { ModuleDefaults, ModuleLabels } from './module-defaults.ts';
import { parseServiceName } from './service-name.ts';
import type { AmbassadorOptions, MappingResource } from './types.ts';

export type Label = { readonly key: string; readonly value: LabelValue };
export type LabelValue =
  | { readonly fixed: string }
  /** `mayLack`: a request without it lacks the whole group. */
  | { readonly part: WrittenKeyPart; readonly mayLack: boolean };

/** In order. */
export type LabelGroupOfRoute = readonly Label[];

export type LabelContext = {
  readonly defaults: ModuleDefaults;
  readonly options: Pick<AmbassadorOptions, 'ambassadorId' | 'ambassadorNamespace'>;
};

/** `labels`: the Mapping's, or of its group. Empty: none at all. */
export function labelGroups(
  mapping: MappingResource,
  labels: Labels,
  domain: string,
  context: LabelContext,
): readonly LabelGroupOfRoute[] {
  return specifierGroups(mapping, labels, domain, context.defaults.labels).map((specifiers) =>
    specifiers.map((specifier) => toLabel(specifier, mapping, context)),
  );
}

/** Domains in which requests of the Mapping have any label. */
export function labelDomains(mapping: MappingResource, labels: Labels, module: ModuleLabels): readonly string[] {
  const domains = new Set([...Object.keys(labels), module.domain]);
  return [...domains].filter((domain) => specifierGroups(mapping, labels, domain, module).length > 0);
}

/** A group without labels counts nothing: Envoy has no descriptor without entries. */
function specifierGroups(
  { spec }: MappingResource,
  labels: Labels,
  domain: string,
  module: ModuleLabels,
): readonly (readonly LabelSpecifier[])[] {
  // Envoy redirects before it counts.
  if (spec.host_redirect === true) return [];
  const before = module.before.get(domain) ?? [];
  if (Object.keys(labels).length === 0) return domain === module.domain && before.length > 0 ? [before] : [];
  const groups = Object.hasOwn(labels, domain) ? (labels[domain] ?? []) : [];
  return groups
    .flatMap((group) => Object.values(group))
    .map((own) => [...before, ...own])
    .filter((specifiers) => specifiers.length > 0);
}

function toLabel(specifier: LabelSpecifier, mapping: MappingResource, context: LabelContext): Label {
  const { request_headers: header, generic_key: generic } = specifier;
  if (generic !== undefined) return { key: generic.key ?? 'generic_key', value: { fixed: generic.value } };
  if (header !== undefined) return { key: header.key, value: headerValue(header.header_name.toLowerCase()) };
  if (specifier.remote_address !== undefined) return { key: 'remote_address', value: REMOTE_ADDRESS };
  if (specifier.source_cluster !== undefined)
    return { key: 'source_cluster', value: { fixed: sourceCluster(context) } };
  return { key: 'destination_cluster', value: { fixed: destinationCluster(mapping, context) } };
}

/** Ambassador takes the whole of an IPv6 address. */
const REMOTE_ADDRESS: LabelValue = { part: { address: { ipv6Bits: 128 } }, mayLack: false };

/** Envoy keeps a Host header as `:authority`. */
const PSEUDO_HEADERS: ReadonlyMap<string, WrittenKeyPart> = new Map([
  [':method', 'method'],
  [':authority', 'authority'],
  ['host', 'authority'],
  [':path', 'path'],
]);

function headerValue(name: string): LabelValue {
  const part = PSEUDO_HEADERS.get(name);
  return part === undefined ? { part: { header: name }, mayLack: true } : { part, mayLack: false };
}

/** Ambassador's name for its own Envoy; without an id it is `ambassador`. */
export function sourceCluster({ options: { ambassadorId, ambassadorNamespace } }: LabelContext): string {
  return `${ambassadorId === 'default' ? 'ambassador' : ambassadorId}-${ambassadorNamespace}`;
}

/** Names of Envoy clusters hang on how Ambassador writes them; the service is what they stand for. */
export function destinationCluster(
  { spec, namespace }: MappingResource,
  { defaults, options: { ambassadorNamespace } }: LabelContext,
): string {
  const { useAmbassadorNamespace } = defaults;
  const place = { mappingNamespace: namespace, ambassadorNamespace, useAmbassadorNamespace };
  const tls = spec.tls !== undefined && spec.tls !== false;
  const read = parseServiceName(spec.service, { ...place, resolver: 'service', tls });
  return read.ok ? read.service.hostPort : spec.service || 'unknown';
}
