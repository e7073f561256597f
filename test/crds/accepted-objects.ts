/** Resources of the examples and of the golden cases that are served as they are written. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { buildProgram } from '../../src/compile/build-program.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import type { KubernetesObject } from '../../src/resources/ambassador/types.ts';
import { parseManifests } from '../../src/resources/manifests.ts';

const KINDS: ReadonlySet<string> = new Set(['Mapping', 'Host', 'Listener', 'Module']);

/** Of v3alpha1, without errors. Text for `true` and `false` is left out: kubectl sends it as such. */
export function acceptedObjects(): readonly KubernetesObject[] {
  const goldens = fs
    .readdirSync('test/golden', { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join('test/golden', name, 'input.yaml'));
  const examples = fs.readdirSync('examples/shop').map((name) => path.join('examples/shop', name));
  return ['examples/backend.yaml', ...examples, ...goldens].flatMap((file) => acceptedIn(file));
}

function acceptedIn(file: string): readonly KubernetesObject[] {
  const unread: Finding[] = [];
  const text = fs.readFileSync(file, 'utf8');
  const objects = parseManifests([{ file, text }], (found) => void unread.push(found));
  const { findings } = buildProgram(
    { objects, config: null, initialFindings: unread },
    { target: 'self-hosted', unresolved: 'echo', now: '2026-01-01T00:00:00.000Z' },
  );
  const bad = new Set(
    findings
      .filter(({ severity, code }) => severity === 'error' || code === 'boolean-as-text')
      .map(({ source }) => keyOf(source)),
  );
  return objects.filter(
    ({ apiVersion, kind, source }) =>
      apiVersion === 'getambassador.io/v3alpha1' && KINDS.has(kind) && !bad.has(keyOf(source)),
  );
}

function keyOf(source: Finding['source']): string {
  return `${source?.kind}/${source?.namespace}/${source?.name}`;
}
