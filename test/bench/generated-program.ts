/** Generated Mappings as the compiler gets them, and the program made of them. */
import { BuildCache, buildProgram, type BuildOptions, type BuildResult } from '../../src/compile/build-program.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import type { KubernetesObject } from '../../src/resources/ambassador/types.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { generateMappings, renderYaml, type GenerateOptions, type MappingObject } from './generate-mappings.ts';

/** Services that nothing resolves get a binding each, which is what the benches need. */
export const BUILD_OPTIONS: BuildOptions = {
  target: 'self-hosted',
  unresolved: 'echo',
  now: '2026-01-01T00:00:00.000Z',
};

/** Through the manifest reader, so that objects have what read ones have (lines, positions). */
export function parseGenerated(mappings: readonly MappingObject[]): readonly KubernetesObject[] {
  const findings: Finding[] = [];
  const objects = parseManifests([{ file: 'generated.yaml', text: renderYaml(mappings) }], (finding) =>
    findings.push(finding),
  );
  assertClean(findings);
  return objects;
}

export function buildGenerated(options: GenerateOptions): BuildResult {
  return buildClean(parseGenerated(generateMappings(options)));
}

/** A build whose input was wrong would measure something else. */
export function buildClean(objects: readonly KubernetesObject[], cache = new BuildCache()): BuildResult {
  const result = buildProgram({ objects, config: null }, { ...BUILD_OPTIONS, cache });
  assertClean(result.findings);
  return result;
}

function assertClean(findings: readonly Finding[]): void {
  const bad = findings.find(({ severity }) => severity === 'error');
  if (bad !== undefined) throw new Error(`The generated input has findings: ${bad.code}: ${bad.message}`);
}
