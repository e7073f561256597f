import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { ManifestCache, parseManifests } from '../../src/resources/manifests.ts';
import type { SecretDocument } from '../../src/resources/secret-document.ts';

function read(text: string, cache?: ManifestCache) {
  const findings: Finding[] = [];
  const secrets: SecretDocument[] = [];
  const report = (found: Finding): unknown => findings.push(found);
  const objects = parseManifests([{ file: 'a.yaml', text }], report, cache, (secret) => secrets.push(secret));
  return { objects, findings, secrets };
}

const KEY = 'a-key-of-somebody';
const ENCODED = Buffer.from(KEY).toString('base64');

describe('Secrets among manifests', () => {
  it('are read apart: data, and stringData before it', () => {
    const { secrets, objects, findings } = read(`
apiVersion: v1
kind: Secret
metadata:
  name: keys
  namespace: shop
  labels: { l: ${KEY} }
  annotations: { kubectl.kubernetes.io/last-applied-configuration: '{"data":{"a":"${ENCODED}"}}' }
data: { a: ${ENCODED}, b: eA==, c: 7, d: null }
stringData: { b: ${KEY}, e: "schlüssel" }
`);
    const e = Buffer.from('schlüssel').toString('base64');
    expect(secrets).toEqual([{ namespace: 'shop', name: 'keys', data: { a: ENCODED, b: ENCODED, c: '', d: '', e } }]);
    expect(findings).toEqual([]);
    expect(objects).toHaveLength(1);
    const kept = JSON.stringify(objects);
    for (const text of [KEY, ENCODED]) expect(kept).not.toContain(text);
  });

  it('are found in lists, and given again where nothing has changed', () => {
    const item = { metadata: { name: 'keys' }, data: { a: ENCODED } };
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'SecretList', items: [item] });
    const cache = new ManifestCache();
    for (const round of [1, 2])
      expect([round, read(text, cache).secrets]).toEqual([
        round,
        [{ namespace: 'default', name: 'keys', data: { a: ENCODED } }],
      ]);
  });

  it.each([
    ['no map', `metadata: { name: keys }\ndata: { a: "${KEY}\n  b: [`],
    ['an alias', `metadata: { name: keys }\ndata: { a: *${KEY} }`],
    ['a stray token', `metadata: { name: keys }\nstringData:\n  a: "x" ${KEY}\n ${KEY}: }`],
    ['a member twice', `metadata: { name: keys }\nstringData:\n  ${KEY}: x\n  ${KEY}: y`],
    ['a tab', `metadata: { name: keys }\nstringData:\n\t${KEY}`],
  ])('that are broken (%s) are told without a word of the text', (_, body) => {
    const { secrets, findings } = read(`apiVersion: v1\nkind: Secret\n${body}\n`);
    expect(secrets).toEqual([{ namespace: 'default', name: 'keys', data: null }]);
    expect(findings.map(({ severity }) => severity)).toEqual(['error']);
    expect(JSON.stringify(findings)).not.toContain(KEY);
  });

  it('that are broken in JSON are told so too', () => {
    const { findings } = read(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"k"},"data":{"a":"${KEY}"`);
    expect(findings).toHaveLength(1);
    expect(JSON.stringify(findings)).not.toContain(KEY);
  });

  it('of another group are none', () => {
    expect(read(`apiVersion: x.test/v1\nkind: Secret\nmetadata: { name: k }\ndata: { a: eA== }`).secrets).toEqual([]);
  });
});
