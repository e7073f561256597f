import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/diagnostics/finding.ts';
import type { KubernetesObject } from '../../src/resources/ambassador/types.ts';
import { ManifestCache, parseManifests } from '../../src/resources/manifests.ts';

type Parsed = { readonly objects: readonly KubernetesObject[]; readonly findings: readonly Finding[] };

function parse(text: string, file = 'a.yaml', cache = new ManifestCache()): Parsed {
  const findings: Finding[] = [];
  return { objects: parseManifests([{ file, text }], (found) => findings.push(found), cache), findings };
}

const mappingText = (name: string): string => `apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: ${name}, namespace: shop }
spec:
  prefix: /${name}/
  service: ${name}
`;

const names = ({ objects }: Parsed): readonly string[] => objects.map(({ metadata }) => metadata.name);

const item = (name: string) => ({
  apiVersion: 'getambassador.io/v3alpha1',
  kind: 'Mapping',
  metadata: { name, namespace: 'shop' },
  spec: { prefix: `/${name}/`, service: name, cors: { origins: ['*'] } },
});

const service = (config: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: quote\n  namespace: shop\n  labels: { site: web }\n  annotations:\n    getambassador.io/config: |\n${config.replaceAll(/^/gm, '      ')}\n`;

describe('documents', () => {
  it('cuts at `---`, `...`, directives and comments, with the lines of the whole file', () => {
    const text = `# a comment\n%YAML 1.2\n---\n${mappingText('a')}--- # next\n\n${mappingText('b')}...\n# between\n---\n---\n${mappingText('c')}`;
    const { objects, findings } = parse(text);
    expect(findings).toEqual([]);
    const lines = text.split('\n');
    expect(objects.map(({ metadata, source }) => [metadata.name, lines[(source.line ?? 0) - 1]])).toEqual(
      ['a', 'b', 'c'].map((name) => [name, 'apiVersion: getambassador.io/v3alpha1']),
    );
    for (const { metadata, locate } of objects) {
      expect(lines[(locate('spec.prefix') ?? 0) - 1]).toBe(`  prefix: /${metadata.name}/`);
    }
  });

  it('leaves a marker inside a longer line, and one that is indented, alone', () => {
    const text = `${mappingText('a')}  rewrite: |\n    ---\n  host_rewrite: '---x'\n---x: 1\n`;
    const { objects, findings } = parse(text);
    expect(objects[0]?.spec['rewrite']).toBe('---\n');
    expect(findings.map(({ code }) => code)).toEqual(['field-unknown']);
  });

  it('reads a byte order mark, CRLF lines and a file without a final newline', () => {
    const text = `\ufeff${mappingText('a')}---\n${mappingText('b').trimEnd()}`.replaceAll('\n', '\r\n');
    const parsed = parse(text);
    expect(parsed.findings).toEqual([]);
    expect(names(parsed)).toEqual(['a', 'b']);
    expect(parsed.objects[1]?.locate('spec.service')).toBe(13);
  });

  it('says nothing of empty documents', () => {
    expect(parse('\n---\n# nothing\n---\nnull\n---\n~\n')).toEqual({ objects: [], findings: [] });
  });

  it('gives the line of a field at any depth, of its nearest ancestor, and of odd names', () => {
    const text = `${mappingText('a')}  cors:\n    max_age: "600"\n  rate_limits:\n    - name: x\n      limits:\n        - rate: 1\n        - { rate: 2,\n            unit: day }\n  headers:\n    "x.y": "1"\n    ? :authority\n    : b\n`;
    const { objects } = parse(text);
    const at = (path: string): string | undefined => text.split('\n')[(objects[0]?.locate(path) ?? 0) - 1];
    expect(at('spec.cors.max_age')).toBe('    max_age: "600"');
    expect(at('spec.rate_limits[0].limits[1].unit')).toBe('            unit: day }');
    expect(at('spec.rate_limits[0].limits[7].unit')).toBe('      limits:');
    expect(at('spec.headers["x.y"]')).toBe('    "x.y": "1"');
    expect(at('spec.headers.:authority')).toBe('    ? :authority');
    expect(at('spec.nothing.here')).toBe('spec:');
    expect(at('metadata.name')).toBe('metadata: { name: a, namespace: shop }');
  });

  it('merges `<<` and follows aliases', () => {
    const { objects } = parse(
      `apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: { name: a }\nspec:\n  headers: &h { a: "1" }\n  regex_headers:\n    <<: *h\n    b: "2"\n`,
    );
    expect(objects[0]?.spec['regex_headers']).toEqual({ a: '1', b: '2' });
  });
});

describe('mistakes in a text', () => {
  it('affects the malformed document only and names its object', () => {
    const broken =
      'apiVersion: getambassador.io/v2\nkind: "Mapping"\nmetadata:\n  labels:\n    name: no\n  name: bad\nspec:\n  prefix: "/x\n';
    const parsed = parse(`${mappingText('a')}---\n${broken}---\n${mappingText('c')}`);
    expect(names(parsed)).toEqual(['a', 'c']);
    expect(parsed.findings).toMatchObject([
      {
        severity: 'error',
        code: 'yaml-invalid',
        source: { kind: 'Mapping', namespace: 'default', name: 'bad', file: 'a.yaml' },
      },
    ]);
    expect(parsed.findings[0]?.source?.line).toBeGreaterThanOrEqual(14);
    expect(parsed.findings[0]?.source?.line).toBeLessThanOrEqual(16);
  });

  it.each([
    [
      'flow metadata',
      'kind: Host\nmetadata: { labels: { name: no }, name: h, namespace: n }\nspec: [\n',
      'Host',
      'n',
      'h',
    ],
    ['quoted', '"kind": \'Host\'\n"metadata":\n    "namespace": "n"\n    "name": "h"\nspec: [\n', 'Host', 'n', 'h'],
    [
      'JSON',
      '{\n  "kind": "Host",\n  "metadata": {\n    "name": "h",\n    "namespace": "n"\n  },\n  "spec": [[\n',
      'Host',
      'n',
      'h',
    ],
    ['no name', 'kind: Host\nspec: [\n', 'File', null, 'a.yaml'],
    [
      'of a list, none',
      JSON.stringify({ items: [item('a')], kind: 'List' }, null, 2).slice(0, -1),
      'File',
      null,
      'a.yaml',
    ],
    [
      'of what carries others, none',
      service('kind: Mapping\nname: x').replace('name: quote', 'name: [quote'),
      'File',
      null,
      'a.yaml',
    ],
  ])('recovers the identity: %s', (_, text, kind, namespace, name) => {
    expect(parse(text).findings).toMatchObject([{ code: 'yaml-invalid', source: { kind, namespace, name } }]);
  });

  it('refuses a key that is written twice, in YAML and in JSON, and names it', () => {
    const yaml = parse(`${mappingText('a')}  prefix: /other/\n`);
    expect(yaml.objects).toEqual([]);
    expect(yaml.findings).toMatchObject([
      { code: 'yaml-duplicate-key', message: expect.stringContaining('`prefix`'), source: { name: 'a', line: 7 } },
    ]);
    const json = parse(
      '{"apiVersion":"getambassador.io/v2",\n"kind":"Mapping","metadata":{"name":"a"},\n"spec":{"prefix":"/",\n"pre\\u0066ix":"/b"}}',
    );
    expect(json.objects).toEqual([]);
    expect(json.findings).toMatchObject([
      { code: 'yaml-duplicate-key', message: expect.stringContaining('`prefix`'), source: { name: 'a', line: 4 } },
    ]);
  });

  it.each([
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c]\n`,
    ],
    ['an unknown alias', 'kind: *nobody\n'],
    ['deep nesting', `kind: ${'['.repeat(20_000)}\n`],
    ['deep nesting that ends', `kind: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`],
  ])('survives %s', (_, text) => {
    const parsed = parse(`${text}---\n${mappingText('b')}`);
    expect(names(parsed)).toEqual(['b']);
    expect(parsed.findings).toMatchObject([{ severity: 'error', code: 'yaml-invalid' }]);
  });

  it('rejects a resource that is nested without end, which JSON allows', () => {
    const spec = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
    const text = `{"apiVersion":"getambassador.io/v2","kind":"Mapping","metadata":{"name":"a"},"spec":{"docs":${spec}}}`;
    expect(parse(text).findings).toMatchObject([{ code: 'document-invalid', source: { name: 'a' } }]);
  });

  it.each(['v1', 'getambassador.io/v2'])('rejects an object of %s that contains itself', (apiVersion) => {
    const parsed = parse(`apiVersion: ${apiVersion}\nkind: Host\nmetadata: { name: a }\nspec: { x: &a [*a, *a] }\n`);
    expect(parsed.objects).toEqual([]);
    expect(parsed.findings).toMatchObject([{ severity: 'error', code: 'document-invalid', source: { name: 'a' } }]);
  });

  it.each([
    ['a list', '- a\n', 'File', 'a.yaml'],
    ['a single value', 'hello\n', 'File', 'a.yaml'],
    ['no kind', 'apiVersion: v1\nmetadata: { name: x }\n', 'File', 'x'],
    ['no apiVersion', 'kind: Mapping\nmetadata: { name: x }\n', 'Mapping', 'x'],
    ['no name', 'apiVersion: getambassador.io/v2\nkind: Mapping\n', 'File', 'a.yaml'],
    ['a number as name', 'apiVersion: getambassador.io/v2\nkind: Mapping\nmetadata: { name: 1 }\n', 'File', 'a.yaml'],
    ['spec is a list', 'apiVersion: getambassador.io/v2\nkind: Host\nmetadata: { name: x }\nspec: []\n', 'Host', 'x'],
  ])('rejects %s', (_, text, kind, name) => {
    expect(parse(text).objects).toEqual([]);
    expect(parse(text).findings).toMatchObject([
      { severity: 'error', code: 'document-invalid', source: { kind, name, line: 1 }, hint: expect.any(String) },
    ]);
  });

  it('takes what belongs to others as it is, names or not', () => {
    const { objects, findings } = parse(
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a]\n',
    );
    expect(findings).toEqual([]);
    expect(objects).toMatchObject([{ kind: 'Kustomization' }]);
  });

  it('warns of fields beside `spec` and reads labels that are no text', () => {
    const { objects, findings } = parse(
      'apiVersion: getambassador.io/v3alpha1\nkind: Host\nmetadata:\n  name: x\n  labels:\n    a: 1\n    b: true\n    c: [1]\nsepc: {}\n',
    );
    expect(objects[0]?.metadata.labels).toEqual({ a: '1', b: 'true' });
    expect(findings).toMatchObject([
      { code: 'field-unknown', path: 'sepc', hint: 'Did you mean `spec`?', source: { line: 9 } },
      { severity: 'warning', code: 'label-invalid', path: 'metadata.labels.a', source: { line: 6 } },
      { severity: 'warning', code: 'label-invalid', path: 'metadata.labels.b' },
      { severity: 'error', code: 'label-invalid', path: 'metadata.labels.c' },
    ]);
  });

  it('keeps a `__proto__` key a key', () => {
    for (const text of [
      'apiVersion: getambassador.io/v2\nkind: Mapping\nmetadata: { name: a, labels: { __proto__: x } }\nspec: { headers: { __proto__: { y: z } } }\n',
      '{"apiVersion":"getambassador.io/v2","kind":"Mapping","metadata":{"name":"a","labels":{"__proto__":"x"}},"spec":{"headers":{"__proto__":{"y":"z"}}}}',
    ]) {
      const [object] = parse(text).objects;
      expect(Object.keys(object?.metadata.labels ?? {})).toEqual(['__proto__']);
      expect(Object.keys(Object(object?.spec['headers']))).toEqual(['__proto__']);
    }
    expect(Object.hasOwn(Object.prototype, 'y')).toBe(false);
  });
});

describe('lists', () => {
  it('reads what kubectl prints as JSON, every item with its own lines', () => {
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: ['a', 'b', 'c'].map(item) }, null, 4);
    const { objects, findings } = parse(text);
    expect(findings).toEqual([]);
    const lines = text.split('\n');
    for (const { metadata, source, locate } of objects) {
      expect(lines[(source.line ?? 0) - 1]?.trim()).toBe('{');
      expect(lines[(locate('spec.prefix') ?? 0) - 1]?.trim()).toBe(`"prefix": "/${metadata.name}/",`);
      expect(lines[(locate('spec.cors.origins[0]') ?? 0) - 1]?.trim()).toBe('"*"');
      expect(lines[(locate('spec.cors.nothing') ?? 0) - 1]?.trim()).toBe('"cors": {');
    }
    expect(objects).toHaveLength(3);
  });

  it('reads YAML lists, and typed lists whose items leave out their kind', () => {
    const yaml = `apiVersion: getambassador.io/v3alpha1\nkind: MappingList\nitems:\n- metadata: { name: a }\n  spec: { prefix: /a/ }\n- metadata: { name: b }\n  spec:\n    prefix: /b/\n`;
    const { objects, findings } = parse(yaml);
    expect(findings).toEqual([]);
    expect(objects).toMatchObject([
      { kind: 'Mapping', apiVersion: 'getambassador.io/v3alpha1', source: { name: 'a', line: 4 } },
      { kind: 'Mapping', source: { name: 'b', line: 6 } },
    ]);
    expect(objects[1]?.locate('spec.prefix')).toBe(8);
  });

  it('loses only the item that has a key twice', () => {
    const yaml = `apiVersion: v1\nkind: List\nitems:\n- ${mappingText('a').trimEnd().replaceAll('\n', '\n  ')}\n- ${mappingText('b').trimEnd().replaceAll('\n', '\n  ')}\n    prefix: /c/\n`;
    const parsed = parse(yaml);
    expect(names(parsed)).toEqual(['a']);
    expect(parsed.findings).toMatchObject([{ code: 'yaml-duplicate-key', source: { kind: 'Mapping', name: 'b' } }]);
    const json = parse(
      `{"apiVersion":"v1","kind":"List","items":[${JSON.stringify(item('a'))},${JSON.stringify(item('b')).replace('"service":"b"', '"service":"b","service":"c"')}]}`,
    );
    expect(names(json)).toEqual(['a']);
    expect(json.findings).toMatchObject([{ code: 'yaml-duplicate-key', source: { kind: 'Mapping', name: 'b' } }]);
  });
});

describe('annotations', () => {
  it('makes objects of the documents in it', () => {
    const { objects, findings } = parse(
      service(
        '---\napiVersion: ambassador/v1\nkind: Mapping\nname: one\nprefix: /one/\nservice: quote\nambassador_id: x\n---\napiVersion: getambassador.io/v2\nkind: Mapping\nname: two\nnamespace: other\nmetadata_labels: { a: b }\nprefix: /two/',
      ),
    );
    expect(findings).toEqual([]);
    expect(objects).toMatchObject([
      { kind: 'Service' },
      {
        apiVersion: 'getambassador.io/v1',
        metadata: { name: 'one', namespace: 'shop', labels: { site: 'web' } },
        spec: { prefix: '/one/', service: 'quote', ambassador_id: 'x' },
        source: { kind: 'Mapping', namespace: 'shop', name: 'one', file: 'a.yaml', line: 8 },
      },
      { metadata: { name: 'two', namespace: 'other', labels: { a: 'b' } }, spec: { prefix: '/two/' } },
    ]);
    expect(objects[1]?.locate('spec.prefix')).toBe(8);
  });

  it('reports a broken document and keeps the other', () => {
    const parsed = parse(
      service(
        '---\nkind: [\n---\nkind: Mapping\nname: x\n---\napiVersion: ambassador/v2\nkind: Mapping\nname: y\n---\napiVersion: ambassador/v2\nkind: Mapping\n---\nkind: Host\nname: z\nspec: [',
      ),
    );
    expect(names(parsed)).toEqual(['quote', 'y']);
    const unknown = { kind: 'File', name: 'a.yaml', line: 8 };
    expect(parsed.findings).toMatchObject([
      { code: 'annotation-invalid', source: unknown, message: expect.stringContaining('Service shop/quote') },
      { code: 'annotation-invalid', source: { kind: 'Mapping', namespace: 'shop', name: 'x', line: 8 } },
      { code: 'annotation-invalid', source: unknown },
      { code: 'annotation-invalid', source: { kind: 'Host', namespace: 'shop', name: 'z', line: 8 } },
    ]);
  });
});

describe('properties', () => {
  const breakages = ['  x: [\n', '  "unclosed: 1\n', ' : : :\n  - }\n', '\tx: 1\n', '  prefix: /twice/\n', '  a: *b\n'];

  it('one broken document of many costs exactly that one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(), fc.constantFrom(...breakages), (count, at, breakage) => {
        const broken = at % count;
        const all = Array.from({ length: count }, (_, index) => `m${index}`);
        const parsed = parse(
          all.map((name, index) => mappingText(name) + (index === broken ? breakage : '')).join('---\n'),
        );
        expect(names(parsed)).toEqual(all.filter((_, index) => index !== broken));
        expect(parsed.findings).toMatchObject([{ severity: 'error', source: { kind: 'Mapping', name: `m${broken}` } }]);
      }),
    );
  });

  it('never throws, whatever the text', () => {
    const piece = fc.constantFrom(
      '---\n',
      '...\n',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      ': ',
      '- ',
      '\n',
      '  ',
      '&a ',
      '*a',
      '<<',
      '!t ',
      '| \n',
      '%Y',
      '#',
      '\t',
      '? ',
      'kind',
      'List',
      'items',
    );
    const noise = fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 40 });
    fc.assert(
      fc.property(noise, (pieces) => {
        const { objects, findings } = parse(pieces.join(''));
        for (const { locate } of objects) locate('spec.a[0].b');
        for (const { source } of findings) expect(source?.file).toBe('a.yaml');
      }),
      { numRuns: 500 },
    );
  });

  it('reads JSON as the same data and lines as YAML would', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 3 })),
        fc.nat(3),
        (spec, indent) => {
          const object = { apiVersion: 'getambassador.io/v2', kind: 'Host', metadata: { name: 'x' }, spec };
          const text = JSON.stringify(object, null, indent);
          // A comment makes it YAML.
          const [json, yaml] = [parse(`\n${text}`), parse(`# c\n${text}`)];
          expect(json.objects[0]?.spec).toEqual(JSON.parse(JSON.stringify(spec)));
          if (yaml.findings.length > 0) return;
          for (const key of Object.keys(spec)) {
            const path = `spec[${JSON.stringify(key)}]`;
            expect([key, json.objects[0]?.locate(path)]).toEqual([key, yaml.objects[0]?.locate(path)]);
          }
        },
      ),
    );
  });
});

it('gives the same objects for the same text when asked again with a cache', () => {
  const cache = new ManifestCache();
  const text = `${mappingText('a')}---\n${mappingText('b')}---\nkind: [\n`;
  const first = parse(text, 'a.yaml', cache);
  const second = parse(text.replace('prefix: /b/', 'prefix: /c/'), 'a.yaml', cache);
  expect(second.objects[0]).toBe(first.objects[0]);
  expect(second.objects[1]?.spec['prefix']).toBe('/c/');
  expect(second.findings).toEqual(first.findings);
  expect(parse(text, 'other.yaml', cache).objects[0]?.source.file).toBe('other.yaml');
});
