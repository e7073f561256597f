/**
 * Programs whose versions can be told apart by what a route does: every route says in
 * `x-program` which text it was compiled with, and the gateway says which version it served.
 */
import { BuildCache, buildProgram, type BuildResult } from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { EncodeCache } from '../../src/program/encode-cache.ts';
import { encodeProgram, type EncodedProgram } from '../../src/program/encode.ts';
import { publishProgram, type PublishOptions, type ProgramStore } from '../../src/program/publish.ts';
import { ManifestCache, parseManifests } from '../../src/resources/manifests.ts';

export type RouteFacts = {
  readonly prefix: string;
  /** Address of the backend. */
  readonly backend: string;
  readonly hostname?: string;
  readonly timeoutMs?: number;
  readonly idleTimeoutMs?: number;
  readonly weight?: number;
  /** The value of `x-program`. */
  readonly says?: string;
};

export type Built = { readonly result: BuildResult; readonly encoded: EncodedProgram };

/** What one build learned, for the next: with 10,000 routes most of the work. */
export class BuildMemory {
  readonly manifests = new ManifestCache();
  readonly build = new BuildCache();
  readonly encode = new EncodeCache();
}

/** Throws when a route is not served as written: the scenario would measure something else. */
export async function buildRoutes(routes: readonly RouteFacts[], memory = new BuildMemory()): Promise<Built> {
  const findings: Finding[] = [];
  const report = (finding: Finding): unknown => findings.push(finding);
  const text = manifestOf(routes);
  const objects = parseManifests([{ file: 'faults.yaml', text }], report, memory.manifests);
  const config = parseConfig({ gateway: { exposeConfigVersion: true } }, report, 'routes.config.ts');
  const result = buildProgram(
    { objects, config, initialFindings: findings },
    { target: 'self-hosted', unresolved: 'refuse', now: '2026-01-01T00:00:00.000Z', cache: memory.build },
  );
  const bad = result.findings.find(({ severity }) => severity !== 'info');
  if (bad !== undefined) throw new Error(`The input has findings: ${bad.code}: ${bad.message}`);
  return { result, encoded: await encodeProgram(result.program, { cache: memory.encode }) };
}

/** The Mappings as one YAML stream. `from`: position of the first of them among all. */
export function manifestOf(routes: readonly RouteFacts[], from = 0): string {
  return routes.map((route, index) => JSON.stringify(mappingOf(route, from + index))).join('\n---\n');
}

function mappingOf({ prefix, backend, hostname, timeoutMs, idleTimeoutMs, weight, says }: RouteFacts, index: number) {
  return {
    apiVersion: 'getambassador.io/v3alpha1',
    kind: 'Mapping',
    metadata: { name: `route-${index}`, namespace: 'faults' },
    spec: {
      hostname: hostname ?? '*',
      prefix,
      // The backend sees the rest of the path: it says there how it is to behave.
      rewrite: '/',
      service: backend,
      timeout_ms: timeoutMs ?? 10_000,
      ...(idleTimeoutMs !== undefined && { idle_timeout_ms: idleTimeoutMs }),
      ...(weight !== undefined && { weight }),
      ...(says !== undefined && { add_response_headers: { 'x-program': { value: says, append: false } } }),
    },
  };
}

export async function publish(
  store: ProgramStore,
  { result, encoded }: Built,
  options: Partial<PublishOptions> = {},
): Promise<string> {
  const report = await publishProgram(store, encoded, {
    now: new Date().toISOString(),
    sources: result.accepted,
    ...options,
  });
  return report.version ?? '';
}
