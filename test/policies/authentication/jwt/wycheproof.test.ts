/**
 * Project Wycheproof's vectors for JOSE (data only), fetched as a Go module. Each goes through our parser
 * and our check of signatures, with the keys judged as a fetched set would be. Their payloads are no claims,
 * so that the check of claims is left out.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIN_SECRET_BYTES } from '../../../../src/policies/authentication/jwt/keys/fixed-keys.ts';
import { importKeys, keySetOf } from '../../../../src/policies/authentication/jwt/keys/import-key-set.ts';
import type { KeySet, VerifyKey } from '../../../../src/policies/authentication/jwt/keys/key-source.ts';
import { parseJws } from '../../../../src/policies/authentication/jwt/parse-token.ts';
import { signingKey } from '../../../../src/policies/authentication/jwt/verify-signature.ts';

const MODULE = 'github.com/c2sp/wycheproof@v0.0.0-20260902155932-3fa63dd0344a';

/** Folder of the vectors; null where there is no Go, or no way to its modules. */
function download(): string | null {
  const { status, stdout } = spawnSync('go', ['mod', 'download', '-json', MODULE], {
    cwd: os.tmpdir(),
    encoding: 'utf8',
  });
  if (status !== 0) return null;
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  return path.join(Dir, 'testvectors_v1');
}

type Jwk = { readonly [name: string]: string | string[] } & {
  readonly kty: string;
  readonly alg?: string;
  readonly kid?: string;
  readonly k?: string;
};
type Group = {
  readonly comment: string;
  readonly public?: Jwk | { readonly keys: readonly Jwk[] };
  readonly private: Jwk | { readonly keys: readonly Jwk[] };
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly jws?: unknown;
    readonly jwe?: unknown;
    readonly result: string;
  }[];
};

const folder = download();
const groupsOf = (name: string): readonly Group[] =>
  (
    JSON.parse(fs.readFileSync(path.join(folder ?? '', `${name}_test.json`), 'utf8')) as {
      testGroups: readonly Group[];
    }
  ).testGroups;

async function keySet(group: Group): Promise<KeySet> {
  const written = group.public ?? group.private;
  const jwks = 'keys' in written ? (written.keys as readonly Jwk[]) : [written];
  const { keys } = await importKeys(jwks);
  // A fetched set never has them; as `secret` they are what the route has, if they are long enough.
  const isAllSymmetric = jwks.every(({ kty }) => kty === 'oct');
  return keySetOf(isAllSymmetric ? jwks.flatMap(symmetricKey) : keys);
}

function symmetricKey({ alg = '', kid, k = '', use, key_ops: operations }: Jwk): readonly VerifyKey[] {
  const key = Buffer.from(k, 'base64url');
  const least = alg in MIN_SECRET_BYTES ? MIN_SECRET_BYTES[alg as keyof typeof MIN_SECRET_BYTES] : Infinity;
  if (key.length < least || use === 'enc' || (operations !== undefined && !operations.includes('verify'))) return [];
  return [{ kid: kid ?? null, algorithms: [alg], key, id: `${kid} ${k}` }];
}

async function accepts(group: Group, jws: unknown): Promise<boolean> {
  const parsed = typeof jws === 'string' ? parseJws(jws) : null;
  if (parsed === null) return false;
  const set = await keySet(group);
  const signed = await signingKey(parsed, { current: () => set, refreshed: () => set }, () => undefined);
  return signed !== null;
}

type Disagreement = {
  readonly ids: readonly number[];
  readonly we: 'accept' | 'refuse';
  readonly because: string;
};

/** Where we answer otherwise than the corpus; `ids` are its `tcId`. docs/policies/jwt.md has the same list. */
const DISAGREEMENTS: Readonly<Record<string, readonly Disagreement[]>> = {
  json_web_signature: [
    {
      ids: [346, 350],
      we: 'refuse',
      because: 'the key says PS256 and the token PS384: a key is used with its own algorithm alone',
    },
    { ids: [347, 351], we: 'refuse', because: 'the key says ES521, which no specification has' },
    {
      ids: [367, 370],
      we: 'accept',
      because: 'the text has no padding: it is a canonical token with a right signature, and both are the same text',
    },
    {
      ids: [372, 373],
      we: 'refuse',
      because: 'there is a `?` in the token: the corpus wants it skipped, RFC 7515 §2 allows no such character',
    },
  ],
  json_web_key: [
    {
      ids: [4],
      we: 'accept',
      because: 'two keys with one kid: each is tried, and one of the configured keys did sign the token',
    },
  ],
  json_web_crypto: [],
};

describe.skipIf(folder === null)(
  `Wycheproof${folder === null ? ' (no Go: its vectors cannot be fetched)' : ''}`,
  () => {
    it.each(Object.keys(DISAGREEMENTS))('%s', async (name) => {
      const found: { id: number; we: string }[] = [];
      let count = 0;
      for (const group of groupsOf(name)) {
        for (const { tcId, jws, result } of group.tests) {
          if (jws === undefined) continue;
          count += 1;
          const accepted = await accepts(group, jws);
          if (accepted !== (result === 'valid')) found.push({ id: tcId, we: accepted ? 'accept' : 'refuse' });
        }
      }
      console.log(`${name}: ${count} vectors, ${found.length} disagreements`);
      expect(count).toBeGreaterThan(20);
      const listed = (DISAGREEMENTS[name] ?? []).flatMap(({ ids, we }) => ids.map((id) => ({ id, we })));
      expect(found.toSorted((a, b) => a.id - b.id)).toEqual(listed.toSorted((a, b) => a.id - b.id));
    });

    it.each(['json_web_encryption', 'json_web_crypto'])('%s: nothing encrypted is taken for signed', (name) => {
      const encrypted = groupsOf(name).flatMap(({ tests }) => tests.filter(({ jwe }) => jwe !== undefined));
      expect(encrypted.length).toBeGreaterThan(30);
      for (const { jwe } of encrypted) expect(typeof jwe === 'string' ? parseJws(jwe) : null).toBeNull();
    });
  },
);
