import * as fs from 'node:fs';
import { expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { classifyKind, kindsByGroup } from '../../src/resources/resource-kinds.ts';

const rbac = fs.readFileSync('deploy/helm/portolan/templates/rbac.yaml', 'utf8');

function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`;
}

it('the chart lets sync read every kind that is known, and no kind that is not', () => {
  const kinds = kindsByGroup.get('getambassador.io') ?? [];
  expect(kinds.length).toBeGreaterThan(20);
  const previews = ['Mapping', 'Host', 'Listener', 'TCPMapping'].map((kind) => `Ambassador${kind}`);
  for (const kind of kinds) expect(classifyKind('getambassador.io/v3alpha1', kind).known).toBe('resource');
  for (const kind of previews) expect(classifyKind('x.getambassador.io/v3alpha1', kind).known).toBe('resource');
  const lists = [...rbac.matchAll(/:= list (.*) \}\}/g)].flatMap(([, names = '']) => names.split(' '));
  expect([...new Set(lists)].toSorted()).toEqual(
    [...kinds, ...previews].map((kind) => `"${pluralOf(kind)}"`).toSorted(),
  );
});

it('the chart is of the same version as the package', () => {
  const chart = fs.readFileSync('deploy/helm/portolan/Chart.yaml', 'utf8');
  expect(chart).toContain(`\nversion: ${manifest.version}\nappVersion: ${manifest.version}\n`);
});
