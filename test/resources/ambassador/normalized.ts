/** YAML → normalised resources, for tests of the shapes. */
import type { Finding } from '../../../src/diagnostics/finding.ts';
import { normalizeResources } from '../../../src/resources/ambassador/normalize.ts';
import type { AmbassadorOptions, NormalizedResources } from '../../../src/resources/ambassador/types.ts';
import { parseManifests } from '../../../src/resources/manifests.ts';
import { OPTIONS } from './resources.ts';

export type Normalized = NormalizedResources & {
  readonly findings: readonly Finding[];
  /** `severity code path`, for those that are not info. */
  readonly problems: readonly string[];
};

export function normalize(yaml: string, options: Partial<AmbassadorOptions> = {}): Normalized {
  const findings: Finding[] = [];
  const report = (found: Finding): void => void findings.push(found);
  const objects = parseManifests([{ file: 'a.yaml', text: yaml }], report);
  const resources = normalizeResources(objects, { ...OPTIONS, ...options }, report);
  const problems = findings
    .filter(({ severity }) => severity !== 'info')
    .map(({ severity, code, path }) => `${severity} ${code} ${path ?? '-'}`);
  return { ...resources, findings, problems };
}

/** One object; `spec` as flow or indented block text. */
export function manifest(kind: string, spec: string, version = 'v3alpha1', name = 'x'): string {
  const body = spec.includes('\n') ? `\n${spec.replaceAll(/^/gm, '  ')}` : ` ${spec}`;
  return `apiVersion: getambassador.io/${version}\nkind: ${kind}\nmetadata: { name: ${name}, namespace: shop }\nspec:${body}\n`;
}

/** A Mapping that is sound but for `more`. */
export function mappingWith(more: string, version = 'v3alpha1'): string {
  return manifest('Mapping', `prefix: /x/\nservice: svc\n${more}`, version);
}
