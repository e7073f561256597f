/** One Mapping, and what can only be said of it once all resources are known. */
import type { Report } from '../../diagnostics/finding.ts';
import { convertLegacyMapping } from './convert.ts';
import { mappingCoverage } from './coverage.ts';
import { indexResolvers } from './destination.ts';
import type { FieldReader } from './field-reader.ts';
import { otherMappingFields, typedMappingFields } from './mapping-shape.ts';
import { readSpec, specShape } from './read-spec.ts';
import { reportAt } from './report-at.ts';
import type { SelectedObject } from './select-objects.ts';
import { startResource } from './start-resource.ts';
import type { AmbassadorOptions, MappingResource, MappingSpec, ModuleResource, UnenforcedResource } from './types.ts';

const shape = specShape({ ...typedMappingFields, ...otherMappingFields }, mappingCoverage);
const otherNames: ReadonlySet<string> = new Set(Object.keys(otherMappingFields));

export function readMapping(each: SelectedObject, options: AmbassadorOptions, report: Report): MappingResource {
  const { base, reader } = startResource('Mapping', each, options, report);
  const spec = mappingSpec(each, reader);
  return { ...base, locate: locateWritten(each), spec, invalid: reader.invalid };
}

/** What is said of `hostname` is said where `host` was written, if it came from there. */
function locateWritten({ object, legacy }: SelectedObject): MappingResource['locate'] {
  const { spec, locate } = object;
  if (!legacy || spec['host'] === undefined || spec['hostname'] !== undefined) return locate;
  return (path) => locate(path === 'spec.hostname' ? 'spec.host' : path);
}

function mappingSpec({ object, legacy }: SelectedObject, reader: FieldReader): MappingSpec {
  const { spec } = object;
  const read = readSpec(spec, 'spec', shape, reader);
  const typed: Partial<Omit<MappingSpec, 'other'>> = {};
  const other: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(read)) {
    if (otherNames.has(name)) other[name] = value;
    else Object.assign(typed, { [name]: value });
  }
  for (const name of ['prefix', 'service'] as const) if ((spec[name] ?? null) === null) reader.missing('spec', name);
  // Stand-ins; a Mapping with one of them is invalid.
  const { prefix = '', service = '', ...rest } = legacy ? convertLegacyMapping(typed) : typed;
  return { ...rest, prefix, service, other };
}

/**
 * Ambassador rejects a Mapping that chooses a load balancer while its resolver knows the service only as
 * a whole, which is the default.
 */
export function reportLoadBalancers(
  mappings: readonly MappingResource[],
  module: ModuleResource | null,
  others: readonly UnenforcedResource[],
  report: Report,
): readonly MappingResource[] {
  const resolvers = indexResolvers(others);
  const fallback = module?.spec.config['resolver'];
  return mappings.map((mapping) => {
    if (mapping.spec.other['load_balancer'] === undefined) return mapping;
    const resolver = mapping.spec.resolver ?? (typeof fallback === 'string' ? fallback : 'kubernetes-service');
    if (resolvers.get(resolver) !== 'service') return mapping;
    const path = 'spec.load_balancer';
    const message = `\`load_balancer\` needs a resolver that knows endpoints; Ambassador rejects it with \`${resolver}\`.`;
    const hint = 'Remove it, or set `resolver: endpoint`.';
    const text = `${message} Its requests are refused until it is corrected.`;
    reportAt(report, mapping, { severity: 'error', code: 'field-invalid', message: text, path, hint });
    return withInvalid(mapping, { path, code: 'field-invalid', message });
  });
}

function withInvalid(mapping: MappingResource, field: MappingResource['invalid'][number]): MappingResource {
  return { ...mapping, invalid: [...mapping.invalid, field] };
}
