import { describe, expect, it } from 'vitest';
import {
  NOTHING_LOOKED_AT,
  SecretKeys,
  withSecrets,
  type KeysPlace,
  type SecretAnswer,
} from '../../src/follow/secret-keys.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { MemoryStore } from '../program/memory-store.ts';

const PEPPER = 'p'.repeat(43);
const data = (keys: Readonly<Record<string, string>>) => ({
  data: Object.fromEntries(Object.entries(keys).map(([entry, key]) => [entry, Buffer.from(key).toString('base64')])),
});

function keysWith(answers: Readonly<Record<string, SecretAnswer>>, more: { place?: KeysPlace } = {}) {
  const store = new MemoryStore();
  const asked: string[] = [];
  const opened = { times: 0, closed: 0 };
  const keys = new SecretKeys({
    place: {
      open: async () => {
        opened.times += 1;
        return { store, close: async () => void (opened.closed += 1) };
      },
      pepper: async () => PEPPER,
    },
    reader: {
      read: async (places) =>
        places.map(({ namespace, name }) => {
          asked.push(`${namespace}/${name}`);
          return answers[`${namespace}/${name}`] ?? 'missing';
        }),
    },
    clusters: [null],
    nowMs: () => 0,
    ...more,
  });
  return { keys, store, asked, opened };
}

const objects = (...names: readonly string[]) =>
  parseManifests(
    names.map((name) => ({
      file: '-',
      text: `apiVersion: getambassador.io/v3alpha1\nkind: Filter\nmetadata: { name: ${name}, namespace: shop }\nspec: { APIKey: { keys: [{ secretName: ${name} }] } }`,
    })),
    () => undefined,
  );

describe('keys of Secrets beside a publish', () => {
  it('opens nothing where no Secret is named', async () => {
    const { keys, asked, opened } = keysWith({});
    const looked = await keys.look({ objects: [], config: null }, {});
    expect(looked).toEqual(NOTHING_LOOKED_AT);
    expect([await keys.add(looked), await keys.takeBack(looked, {}), asked, opened.times]).toEqual([0, 0, [], 0]);
  });

  it('finds Secrets of Filters, of what may stand in for them, and of the configuration, once each', async () => {
    const config = parseConfig(
      {
        authentication: { k: { apiKey: { kind: 'secret-set', sets: ['shop/c', 'shop/a'] } } },
        routes: [{ name: 'r', path: '/', backend: 'http://127.0.0.1:1', policies: { auth: 'k' } }],
      },
      (found) => expect.fail(found.message),
      'routes.config.ts',
    );
    const [kept] = objects('b');
    if (kept === undefined) throw new Error('no object');
    const { source: _source, locate: _locate, ...object } = kept;
    const previous = {
      'Filter/shop/b': { object: { ...object, spec: { APIKey: { keys: [{ secretName: 'b' }] } } }, staleSince: null },
    };
    const { keys, asked } = keysWith({ 'shop/a': data({ x: 'key' }) });
    const { secrets, findings } = await keys.look({ objects: objects('a'), config }, previous);
    expect(asked.toSorted()).toEqual(['shop/a', 'shop/b', 'shop/c']);
    expect(secrets.states).toEqual({ 'shop/a': 'usable', 'shop/b': 'missing', 'shop/c': 'missing' });
    // Of Filters the build says it.
    expect(findings.map(({ code, message }) => `${code} ${message.includes('shop/c')}`)).toEqual([
      'secret-missing true',
    ]);
  });

  it.each(['no-pepper', 'no-namespace'] as const)(
    'writes nothing with %s, and says it of what would be usable',
    async (unwritable) => {
      const { keys, store } = keysWith(
        { 'shop/a': data({ x: 'key' }), 'shop/b': data({ x: '' }) },
        { place: { unwritable } },
      );
      const looked = await keys.look({ objects: objects('a', 'b', 'c'), config: null }, {});
      expect(looked.secrets.states).toEqual({ 'shop/a': unwritable, 'shop/b': 'empty', 'shop/c': 'missing' });
      expect([await keys.add(looked), store.values.size]).toEqual([0, 0]);
    },
  );

  it('tells values that are no keys without showing them', async () => {
    const { keys } = keysWith({ 'shop/a': data({ bad: 'secret-text\n', good: 'key' }) });
    const looked = await keys.look({ objects: objects('a'), config: null }, {});
    const { initialFindings = [] } = withSecrets({ objects: [], config: null }, looked);
    expect(initialFindings).toMatchObject([
      { severity: 'warning', code: 'secret-entry-unusable', path: 'data.bad', source: { kind: 'Secret', name: 'a' } },
    ]);
    expect(JSON.stringify(initialFindings)).not.toContain('secret-text');
  });

  it('says in one line that a pepper is too short', async () => {
    const place: KeysPlace = { open: async () => expect.fail('opened'), pepper: async () => 'short' };
    const { keys } = keysWith({ 'shop/a': data({ x: 'key' }) }, { place });
    const looked = await keys.look({ objects: objects('a'), config: null }, {});
    await expect(keys.add(looked)).rejects.toThrow(/PORTOLAN_SECRET_KEY_PEPPER cannot be used: .*32 characters/);
  });

  it('closes what it opened, and opens it again', async () => {
    const { keys, opened } = keysWith({ 'shop/a': data({ x: 'key' }) });
    const looked = await keys.look({ objects: objects('a'), config: null }, {});
    await keys.add(looked);
    await keys.close();
    await keys.close();
    await keys.add(looked);
    expect(opened).toEqual({ times: 2, closed: 1 });
  });
});
