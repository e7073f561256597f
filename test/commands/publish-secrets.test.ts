/** `publish --to cloudflare` of an APIKey Filter: what its Secret's keys need, and what happens without it. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { importPepper, secretKeyName } from '../../src/keys/key-names.ts';
import { ACCOUNT, CloudflareStandIn, NAMESPACE, TOKEN } from '../stores/cloudflare-stand-in.ts';
import { run } from './terminal-fixture.ts';

const PEPPER = 'a-pepper-for-the-worker-0123456789';
const KEY = 'alice-has-this-key';

const version = 'apiVersion: getambassador.io/v3alpha1';
const MANIFESTS = [
  `${version}\nkind: Mapping\nmetadata: { name: a, namespace: shop }\nspec: { hostname: "*", prefix: /a/, service: "https://backend.example.com" }`,
  `${version}\nkind: Filter\nmetadata: { name: f, namespace: shop }\nspec: { APIKey: { keys: [{ secretName: keys }] } }`,
  `${version}\nkind: FilterPolicy\nmetadata: { name: p, namespace: shop }\nspec: { rules: [{ host: "*", path: "*", filters: [{ name: f }] }] }`,
  `apiVersion: v1\nkind: Secret\nmetadata: { name: keys, namespace: shop }\nstringData: { alice: ${KEY} }`,
].join('\n---\n');

let cwd: string;
let cloudflare: CloudflareStandIn;
let env: Readonly<Record<string, string>>;
beforeEach(async () => {
  cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-publish-'));
  fs.writeFileSync(path.join(cwd, 'all.yaml'), MANIFESTS);
  cloudflare = new CloudflareStandIn();
  env = {
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
    CLOUDFLARE_API_TOKEN: TOKEN,
    PORTOLAN_KV_NAMESPACE_ID: NAMESPACE,
    CLOUDFLARE_API_BASE_URL: await cloudflare.start(),
  };
});
afterEach(async () => {
  await cloudflare.stop();
  fs.rmSync(cwd, { recursive: true, force: true });
});

async function publish(more: Readonly<Record<string, string>>) {
  const { code, stdout, stderr } = await run(['publish', '--to', 'cloudflare', '-f', 'all.yaml', '--json'], {
    cwd,
    env: { ...env, ...more },
  });
  const said = (stdout === '' ? { findings: [] } : JSON.parse(stdout)) as {
    readonly published?: boolean;
    readonly findings: readonly { readonly code: string; readonly hint: string | null }[];
  };
  const secrets = said.findings.filter((one) => one.code.startsWith('secret'));
  return {
    code,
    stderr,
    published: said.published,
    codes: secrets.map((one) => one.code),
    hint: secrets[0]?.hint ?? '',
  };
}

const keyNames = (): readonly string[] => [...cloudflare.values.keys()].filter((name) => name.startsWith('aeskey-'));

it.each<[string, Readonly<Record<string, string>>, RegExp]>([
  [
    'a pepper',
    { PORTOLAN_KEYS_NAMESPACE_ID: NAMESPACE },
    /wrangler secret put SECRET_KEY_PEPPER.*PORTOLAN_SECRET_KEY_PEPPER/,
  ],
  ['a namespace', { PORTOLAN_SECRET_KEY_PEPPER: PEPPER }, /PORTOLAN_KEYS_NAMESPACE_ID/],
])('without %s the routes refuse, and the finding says what to set', async (_, more, hint) => {
  const { published, codes, hint: given } = await publish(more);
  expect([published, codes]).toEqual([true, ['secret-keys-unwritable']]);
  expect(given).toMatch(hint);
  expect(keyNames()).toEqual([]);
});

it('with both the keys are written, hashed', async () => {
  const { published, codes } = await publish({
    PORTOLAN_KEYS_NAMESPACE_ID: NAMESPACE,
    PORTOLAN_SECRET_KEY_PEPPER: PEPPER,
  });
  expect([published, codes]).toEqual([true, []]);
  expect(keyNames()).toEqual([await secretKeyName(KEY, await importPepper(PEPPER))]);
  const all = [...cloudflare.values].map(([name, { value }]) => `${name} ${value}`).join('\n');
  expect(all).not.toContain(KEY);
  expect(all).not.toContain(Buffer.from(KEY).toString('base64'));
});

it('a namespace that does not exist: nothing is published, in one line', async () => {
  const { code, stderr } = await publish({ PORTOLAN_KEYS_NAMESPACE_ID: 'nowhere', PORTOLAN_SECRET_KEY_PEPPER: PEPPER });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^portolan: nothing was published: the keys of Secrets cannot be written: [^\n]+\n$/);
  expect([...cloudflare.values.keys()]).toEqual([]);
});
