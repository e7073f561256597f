import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };
import { isOwnDefinition, type CustomResourceDefinition } from '../../src/crds/custom-resource-definition.ts';
import { renderDefinitions } from '../../src/crds/definition-files.ts';
import { customResourceDefinitions } from '../../src/crds/definitions.ts';
import { mappingMeanings, mappingMemberMeanings } from '../../src/crds/mapping-meanings.ts';
import {
  hostMeanings,
  hostMemberMeanings,
  listenerMeanings,
  listenerMemberMeanings,
  moduleMeanings,
} from '../../src/crds/other-meanings.ts';
import { rateLimitOptionsSchema } from '../../src/policies/rate-limit/option-schema.ts';
import type { FieldSchema } from '../../src/resources/ambassador/field-schema.ts';
import { statusShapeOf } from '../../src/sync/status-shape.ts';
import { walk, type SchemaNode } from './schema-nodes.ts';

const update = process.env['UPDATE_GOLDENS'] === '1';
const definitions = customResourceDefinitions(manifest.version);
const kinds = definitions.map((definition) => [definition.spec.names.kind, definition] as const);

function rootOf(definition: CustomResourceDefinition): FieldSchema {
  return definition.spec.versions[0].schema.openAPIV3Schema;
}

describe('the files', () => {
  it.each(['deploy/crds', 'deploy/helm/portolan/files/crds'])('in %s are what the generator says', (folder) => {
    const files = renderDefinitions(definitions);
    for (const { name, text } of files) {
      const file = path.join(folder, name);
      if (update) fs.writeFileSync(file, text);
      expect(fs.readFileSync(file, 'utf8')).toBe(text);
    }
    expect(fs.readdirSync(folder).toSorted()).toEqual(files.map(({ name }) => name).toSorted());
  });

  it('hold the definitions and nothing that YAML cannot carry', () => {
    const read = renderDefinitions(definitions).map(({ text }): unknown => parse(text, { version: '1.1' }));
    expect(read).toEqual(JSON.parse(JSON.stringify(definitions)));
  });

  it('say the same every time', () => {
    expect(renderDefinitions(customResourceDefinitions('1'))).toEqual(
      renderDefinitions(customResourceDefinitions('1')),
    );
  });

  it('are small enough for kubectl apply, which keeps a copy in an annotation', () => {
    for (const definition of definitions) expect(JSON.stringify(definition).length).toBeLessThan(200_000);
  });
});

describe.each(kinds)('%s', (kind, definition) => {
  const nodes = [...walk(rootOf(definition))];

  // The rules of https://kubernetes.io/docs, "Specifying a structural schema".
  it('has a structural schema', () => {
    expect(nodes.length).toBeGreaterThan(20);
    expect(nodes.flatMap((node) => structuralProblems(node))).toEqual([]);
  });

  it('has the names that Kubernetes derives', () => {
    const { names, group } = definition.spec;
    expect(definition.metadata.name).toBe(`${names.plural}.${group}`);
    expect([names.kind, names.listKind, names.singular]).toEqual([kind, `${kind}List`, kind.toLowerCase()]);
  });

  it('is told from a definition of Ambassador', () => {
    expect(isOwnDefinition(definition.metadata.annotations)).toBe(true);
    expect(isOwnDefinition({ 'controller-gen.kubebuilder.io/version': 'v0.12.0' })).toBe(false);
    expect(isOwnDefinition(undefined)).toBe(false);
  });

  it('takes the conditions that are written, beside what Ambassador writes', () => {
    const status = rootOf(definition).properties?.['status']?.properties ?? {};
    expect(Object.keys(status)).toContain('conditions');
    expect(definition.spec.versions[0].subresources).toEqual({ status: {} });
    const own = kind === 'Mapping' || kind === 'Host' ? ['state'] : [];
    expect(Object.keys(status)).toEqual(expect.arrayContaining(own));
  });

  it('has a status that sync recognises', () => {
    const stored: unknown = JSON.parse(JSON.stringify(definition));
    expect(statusShapeOf(stored, 'v3alpha1')).toBe('conditions');
  });

  it('describes every field, in sentences', () => {
    const named = nodes.filter(({ path: at }) => at.startsWith('.spec.') && !/(\[\]|\.\*)$/.test(at));
    const silent = named.filter(({ schema }) => !/^[^\n]{8,}[.)]$/.test(schema.description ?? ''));
    expect(silent.map(({ path: at }) => at)).toEqual([]);
  });
});

it.each<[string, FieldSchema]>([
  ['no type', {}],
  ['a list without items', { type: 'array' }],
  ['keeps members of no object', { type: 'string', 'x-kubernetes-preserve-unknown-fields': true }],
  ['exclude each other', { type: 'object', properties: {}, additionalProperties: { type: 'string' } }],
  [
    'a rule on an untyped node',
    { 'x-kubernetes-int-or-string': true, 'x-kubernetes-validations': [{ rule: '', message: '' }] },
  ],
  ['typed twice', { type: 'string', 'x-kubernetes-int-or-string': true }],
  ['which it does not have', { type: 'object', properties: {}, required: ['a'] }],
])('a schema with this is found not to be structural: %s', (problem, schema) => {
  expect(structuralProblems({ path: '.spec.a', schema }).join()).toContain(problem);
});

it('has no words without a field', () => {
  const words: Readonly<Record<string, object>> = {
    Mapping: { ...mappingMeanings, ...mappingMemberMeanings },
    Host: { ...hostMeanings, ...hostMemberMeanings },
    Listener: { ...listenerMeanings, ...listenerMemberMeanings },
    Module: Object.fromEntries(Object.keys(moduleMeanings).map((key) => [`config.${key}`, ''])),
  };
  for (const [kind, definition] of kinds) {
    const paths = new Set([...walk(rootOf(definition))].map(({ path: at }) => at.replace(/^\.spec\./, '')));
    expect(Object.keys(words[kind] ?? {}).filter((at) => !paths.has(at))).toEqual([]);
  }
});

describe('a default', () => {
  it('is given only where an absent field means nothing else', () => {
    const defaults = kinds.flatMap(([kind, definition]) =>
      [...walk(rootOf(definition))]
        .filter(({ schema }) => schema.default !== undefined)
        .map(({ path: at, schema }) => [kind + at, schema.default]),
    );
    // Not one that a Module can set: it would never be asked.
    expect(defaults).toEqual([
      ['Mapping.spec.rate_limits[].limits[].pattern', '*'],
      ['Host.spec.hostname', '*'],
      ['Listener.spec.l7Depth', 0],
    ]);
  });
});

function isTaken(change: object, count = 1): boolean {
  const limit = { name: 'a', rate: 1, unit: 'second', ...change };
  return rateLimitOptionsSchema.safeParse({ limits: Array.from({ length: count }, () => limit) }).success;
}

function text(length: number): string {
  return 'a'.repeat(length);
}

it('bounds rate limits as the policy does', () => {
  const [, mapping] = kinds[0] ?? [];
  const nodes = new Map([...walk(rootOf(mapping ?? definitions[0]!))].map(({ path: at, schema }) => [at, schema]));
  const limits = nodes.get('.spec.rate_limits[].limits');
  const rate = nodes.get('.spec.rate_limits[].limits[].rate')?.maximum ?? 0;
  const nameLength = nodes.get('.spec.rate_limits[].name')?.maxLength ?? 0;
  const patternLength = nodes.get('.spec.rate_limits[].limits[].pattern')?.maxLength ?? 0;
  expect([isTaken({ rate }), isTaken({ rate: rate + 1 })]).toEqual([true, false]);
  expect([isTaken({ name: text(nameLength) }), isTaken({ name: text(nameLength + 1) })]).toEqual([true, false]);
  expect([isTaken({ pattern: text(patternLength) }), isTaken({ pattern: text(patternLength + 1) })]).toEqual([
    true,
    false,
  ]);
  expect([isTaken({}, limits?.maxItems), isTaken({}, (limits?.maxItems ?? 0) + 1)]).toEqual([true, false]);
});

const KEYWORDS: ReadonlySet<string> = new Set(
  `type format description default enum pattern minimum maximum minLength maxLength minItems maxItems minProperties
  maxProperties items properties additionalProperties required x-kubernetes-int-or-string
  x-kubernetes-preserve-unknown-fields x-kubernetes-list-type x-kubernetes-list-map-keys
  x-kubernetes-validations`.split(/\s+/),
);

function structuralProblems({ path: at, schema }: SchemaNode): string[] {
  const problems = Object.keys(schema)
    .filter((key) => !KEYWORDS.has(key))
    .map((key) => `${at}: ${key}`);
  const isFree = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const isIntOrString = schema['x-kubernetes-int-or-string'] === true;
  if (schema.type === undefined && !isFree && !isIntOrString) problems.push(`${at}: no type`);
  if (at === '' && schema.type !== 'object') problems.push('the root is no object');
  if (isIntOrString && (schema.type !== undefined || schema.enum !== undefined)) problems.push(`${at}: typed twice`);
  if (isFree && schema.type !== undefined && schema.type !== 'object')
    problems.push(`${at}: keeps members of no object`);
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    problems.push(`${at}: properties and additionalProperties exclude each other`);
  }
  if (schema.type === 'array' && schema.items === undefined) problems.push(`${at}: a list without items`);
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length > 0 && schema.type === undefined) problems.push(`${at}: a rule on an untyped node`);
  const members = Object.keys(schema.properties ?? {});
  if (schema.type === 'object' && schema.properties !== undefined) {
    const lost = (schema.required ?? []).filter((name) => !members.includes(name));
    problems.push(...lost.map((name) => `${at}: requires ${name}, which it does not have`));
  }
  if (at.startsWith('.metadata') && schema !== undefined && at !== '.metadata') problems.push(`${at}: of metadata`);
  return problems;
}
