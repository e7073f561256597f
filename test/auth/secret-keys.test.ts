/** Keys that lie in Kubernetes Secrets, named by an APIKey Filter, through bare workerd. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importPepper } from '../../src/keys/key-names.ts';
import { encodeSecretKeyRecord, recordsOfSecrets } from '../../src/keys/secret-set.ts';
import { send, startProtectedStand, type ProtectedStand } from './protected-stand.ts';

const PEPPER = 'a pepper of this test, 32 bytes or more';
const KEYS = { alice: 'alice-key-7f3a', bob: 'bob-key-91c2', other: 'key-of-another-secret' };
const data = (...names: readonly (keyof typeof KEYS)[]): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [name, Buffer.from(KEYS[name]).toString('base64')]));
const SECRETS = [
  { namespace: 'default', name: 'api-keys', data: data('alice', 'bob') },
  { namespace: 'default', name: 'others', data: data('other') },
];

let stand: ProtectedStand;

function meta(name: string): object {
  return { name, namespace: 'default' };
}

function manifests(): string {
  return [
    ...SECRETS.map(({ name, data }) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: meta(name),
      type: 'Opaque',
      data,
    })),
    {
      apiVersion: 'gateway.getambassador.io/v1alpha1',
      kind: 'Filter',
      metadata: meta('keys'),
      spec: { type: 'apikey', apikey: { httpHeader: 'x-key', keys: [{ secretName: 'api-keys' }] } },
    },
    {
      apiVersion: 'getambassador.io/v3alpha1',
      kind: 'FilterPolicy',
      metadata: meta('policy'),
      spec: { rules: [{ path: '/keys/*', filters: [{ name: 'keys' }] }] },
    },
    {
      apiVersion: 'getambassador.io/v3alpha1',
      kind: 'Mapping',
      metadata: meta('keys'),
      spec: { hostname: '*', prefix: '/keys/', service: 'BACKEND' },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n');
}

beforeAll(async () => {
  stand = await startProtectedStand({ config: {}, yaml: manifests(), secrets: { KEY_PEPPER: PEPPER } });
  const { records } = await recordsOfSecrets(SECRETS, await importPepper(PEPPER));
  for (const [name, record] of records) {
    fs.writeFileSync(path.join(stand.keysFolder, name), encodeSecretKeyRecord(record));
  }
});
afterAll(() => stand.close());

async function outcome(headers: Readonly<Record<string, string>>): Promise<string> {
  const before = stand.arrived.length;
  const { status, code } = await send(stand.port, { path: '/keys/x', headers });
  expect(stand.arrived.length - before).toBe(status === 200 ? 1 : 0);
  return code === null ? String(status) : `${status} ${code}`;
}

describe('an APIKey Filter', () => {
  it('lets in whoever has a key of its Secrets, and nobody else', async () => {
    for (const key of [KEYS.alice, KEYS.bob]) expect(await outcome({ 'x-key': key })).toBe('200');
    const bad = [
      KEYS.other,
      KEYS.alice.toUpperCase(),
      KEYS.alice.slice(0, -1),
      `${KEYS.alice}x`,
      Buffer.from(KEYS.alice).toString('base64'),
      'alice',
      '',
      PEPPER,
    ];
    for (const key of bad) expect([key, await outcome({ 'x-key': key })]).toEqual([key, '401 api-key-invalid']);
    for (const headers of [{}, { 'x-api-key': KEYS.alice }, { authorization: `ApiKey ${KEYS.alice}` }]) {
      expect(await outcome(headers)).toBe('401 credentials-missing');
    }
  });

  it('has its keys in no value of the program, in no record of KEYS and in no line of the log', async () => {
    await outcome({ 'x-key': KEYS.alice });
    const folder = path.dirname(stand.keysFolder);
    const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const texts = files.map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name), 'latin1'));
    expect(files.some(({ name }) => name.startsWith('sources-'))).toBe(true);
    for (const key of Object.values(KEYS)) {
      for (const spelt of [key, Buffer.from(key).toString('base64')]) {
        expect(files.filter((_, index) => texts[index]?.includes(spelt)).map(({ name }) => name)).toEqual([]);
      }
    }
  });
});
