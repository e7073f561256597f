/** The `ambassador` Module: the only one that counts. */
import { finding, type Report } from '../../diagnostics/finding.ts';
import { isRecord } from '../record.ts';
import { moduleCoverage } from './coverage.ts';
import type { FieldReader } from './field-reader.ts';
import { moduleKeys, protectiveKeys } from './module-shape.ts';
import { startResource } from './start-resource.ts';
import { readSpec, specShape } from './read-spec.ts';
import { reportAt, sourceAt } from './report-at.ts';
import type { SelectedObject } from './select-objects.ts';
import type { AmbassadorOptions, ModuleResource } from './types.ts';

const shape = specShape(moduleKeys, moduleCoverage);
const SPEC_FIELDS = ['config', 'ambassador_id', 'ambassadorId'];

/**
 * Several of them become one: the one in Ambassador's own namespace goes first, then by namespace, and the
 * first that has a key decides it. Nothing that protects is lost that way.
 */
export function mergeModules(
  objects: readonly SelectedObject[],
  options: AmbassadorOptions,
  report: Report,
): ModuleResource | null {
  const modules = objects
    .filter((each) => isCounted(each, report))
    .map((each) => readModule(each, options, report))
    .toSorted((a, b) => rankOf(a, options) - rankOf(b, options) || (a.namespace < b.namespace ? -1 : 1));
  const [first, ...others] = modules;
  if (first === undefined) return null;
  const owners = new Map(Object.keys(first.spec.config).map((key) => [key, first]));
  for (const module of others) {
    const overridden = Object.keys(module.spec.config).filter((key) => owners.has(key));
    reportSecond(module, first, overridden, report);
    for (const key of Object.keys(module.spec.config)) if (!owners.has(key)) owners.set(key, module);
  }
  if (others.length === 0) return first;
  const config = Object.fromEntries([...owners].map(([key, { spec }]) => [key, spec.config[key]]));
  return { ...first, spec: { config }, invalid: modules.flatMap(({ invalid }) => invalid) };
}

function rankOf({ namespace }: ModuleResource, { ambassadorNamespace }: AmbassadorOptions): number {
  return namespace === ambassadorNamespace ? 0 : 1;
}

function isCounted({ object }: SelectedObject, report: Report): boolean {
  const { name } = object.metadata;
  if (name === 'ambassador') return true;
  const obsolete = name === 'tls';
  report(
    finding(
      'warning',
      obsolete ? 'module-obsolete' : 'module-ignored',
      obsolete
        ? 'The `tls` Module is obsolete and ignored, as in Ambassador.'
        : `Only the Module named \`ambassador\` counts, so this one (\`${name}\`) is ignored.`,
      {
        source: object.source,
        path: 'metadata.name',
        hint: obsolete ? 'Remove it; TLS ends on the platform.' : 'Rename it to `ambassador`, or remove it.',
      },
    ),
  );
  return false;
}

function readModule(each: SelectedObject, options: AmbassadorOptions, report: Report): ModuleResource {
  const { base, reader } = startResource('Module', each, options, report);
  const { spec } = each.object;
  for (const key of Object.keys(spec)) {
    if (!SPEC_FIELDS.includes(key)) reader.unknownField(`spec.${key}`, key, SPEC_FIELDS);
  }
  const written = spec['config'] ?? {};
  if (!isRecord(written)) reader.fail('spec.config', 'a mapping of keys', written);
  const config = isRecord(written) ? readConfig(written, reader) : {};
  return { ...base, spec: { config }, invalid: reader.invalid };
}

/** A key with anything wrong in it counts as absent as a whole. */
function readConfig(
  written: Readonly<Record<string, unknown>>,
  reader: FieldReader,
): Readonly<Record<string, unknown>> {
  const entries: [string, unknown][] = [];
  for (const [key, value] of Object.entries(written)) {
    const before = reader.invalid.length;
    const read = readSpec({ [key]: value }, 'spec.config', shape, reader);
    const sound = reader.invalid.length === before;
    if (sound && Object.hasOwn(read, key)) entries.push([key, read[key]]);
    else if (!sound && protectiveKeys.has(key)) entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}

function reportSecond(
  module: ModuleResource,
  first: ModuleResource,
  overridden: readonly string[],
  report: Report,
): void {
  const path = overridden[0] === undefined ? null : `spec.config.${overridden[0]}`;
  const { file, line } = sourceAt(first, null);
  const isOtherCluster = module.source.cluster !== undefined;
  const which = isOtherCluster ? 'that another cluster has' : `in namespace \`${first.namespace}\``;
  const place = file === null ? '' : ` (${file}:${line ?? ''})`;
  reportAt(report, module, {
    severity: overridden.length > 0 ? 'error' : 'warning',
    code: 'module-duplicate',
    message:
      overridden.length > 0
        ? `The Module ${which}${place} also sets ${overridden.map((key) => `\`${key}\``).join(', ')}, and its values count.`
        : `The Module ${which} counts as well; the keys of both are taken together.`,
    path,
    hint: isOtherCluster ? 'Make the Modules of all clusters equal.' : 'Keep one `ambassador` Module.',
  });
}
