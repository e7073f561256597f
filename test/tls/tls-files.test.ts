import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/diagnostics/errors.ts';
import type { UpstreamTls } from '../../src/model/route-model.ts';
import type { CompiledUpstream } from '../../src/program/route-program.ts';
import { readTlsMaterial, readTlsOf, summarizeProblems, type TlsMaterial } from '../../src/tls/tls-files.ts';
import { Authority } from './certificates.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-tls-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const authority = new Authority(folder, 'ca');
const other = new Authority(folder, 'other-ca');
authority.issue('client');
authority.issue('second');
fs.writeFileSync(path.join(folder, 'text.pem'), 'no certificate\n');
fs.writeFileSync(
  path.join(folder, 'damaged.pem'),
  `${authority.pair.certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
);
fs.writeFileSync(path.join(folder, 'bundle.pem'), `# ours\n${authority.pair.certificate}\n${other.pair.certificate}`);
fs.writeFileSync(path.join(folder, 'long.pem'), fs.readFileSync(path.join(folder, 'client.pem'), 'utf8').repeat(11));
execFileSync(
  'openssl',
  ['pkcs8', '-topk8', '-in', 'client.key', '-out', 'locked.key', '-passout', 'pass:x', '-v2', 'aes-256-cbc'],
  { cwd: folder, stdio: 'ignore' },
);

function read(tls: UpstreamTls | undefined, origin = 'https://10.0.0.5:8443'): Promise<TlsMaterial | null> {
  const upstream = { id: 'x', origin, via: { kind: 'binding' }, resolvedBy: 'services', service: 'a.b:80' } as const;
  return readTlsMaterial(tls === undefined ? upstream : { ...upstream, tls }, folder);
}

describe('readTlsMaterial', () => {
  it('has nothing for http, and what browsers believe for https without settings', async () => {
    expect(await read(undefined, 'http://10.0.0.5')).toBeNull();
    expect(await read(undefined)).toEqual({ serverName: '10.0.0.5', authorities: null, certificate: null });
    expect(await read({ serverName: 'a.test' })).toMatchObject({ serverName: 'a.test' });
  });

  it('takes a bundle apart', async () => {
    const authorities = (await read({ ca: 'bundle.pem' }))?.authorities ?? [];
    expect(authorities.map((pem) => new X509Certificate(pem).subject)).toEqual(['CN=ca', 'CN=other-ca']);
  });

  it('reads relative and absolute paths, and a chain with its key', async () => {
    const chain = path.join(folder, 'client.pem');
    const found = await read({ certificate: { chain, key: 'client.key' } });
    expect(found?.certificate?.chain).toBe(fs.readFileSync(chain, 'utf8'));
    expect(found?.certificate?.key).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  });

  it.each<[UpstreamTls, string]>([
    [{ ca: 'absent.pem' }, 'tls.ca absent.pem does not exist'],
    [{ ca: 'ca.pem/x' }, 'tls.ca ca.pem/x does not exist'],
    [{ ca: '.' }, 'tls.ca . is not a file'],
    [{ ca: 'text.pem' }, 'tls.ca text.pem holds no certificate in PEM form'],
    [{ ca: 'client.key' }, 'tls.ca client.key holds no certificate in PEM form'],
    [{ ca: 'damaged.pem' }, 'tls.ca damaged.pem: certificate 2 of 2 cannot be read'],
    [{ certificate: { chain: 'absent.pem', key: 'client.key' } }, 'tls.certificate.chain absent.pem does not exist'],
    [{ certificate: { chain: 'client.pem', key: 'absent.key' } }, 'tls.certificate.key absent.key does not exist'],
    [
      { certificate: { chain: 'long.pem', key: 'client.key' } },
      'tls.certificate.chain long.pem holds more than 10 certificates',
    ],
    [
      { certificate: { chain: 'client.pem', key: 'client.pem' } },
      'tls.certificate.key client.pem holds no private key in PEM form',
    ],
    [
      { certificate: { chain: 'client.pem', key: 'locked.key' } },
      'tls.certificate.key locked.key is encrypted, and nobody is here to unlock it',
    ],
    [
      { certificate: { chain: 'client.pem', key: 'second.key' } },
      'tls.certificate.key second.key is not the key of the first certificate in client.pem',
    ],
  ])('says in one line what is wrong: %j', async (tls, message) => {
    const error: unknown = await read(tls).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toHaveProperty('message', `upstream https://10.0.0.5:8443: ${message}`);
  });
});

function upstream(id: string, tls?: UpstreamTls): CompiledUpstream {
  const base = {
    id,
    origin: 'https://10.0.0.5',
    via: { kind: 'binding' },
    resolvedBy: 'services',
    service: 'a.b:80',
  } as const;
  return tls === undefined ? base : { ...base, tls };
}

describe('readTlsOf', () => {
  it('reads every upstream, whatever the files of others are like', async () => {
    const { materials, problems } = await readTlsOf(
      [upstream('plain'), upstream('lost', { ca: 'absent.pem' }), upstream('ours', { ca: 'ca.pem' })],
      folder,
    );
    expect([...materials.keys()]).toEqual(['plain', 'ours']);
    expect(problems).toEqual([
      { upstreamId: 'lost', message: 'upstream https://10.0.0.5: tls.ca absent.pem does not exist', kept: false },
    ]);
    expect(summarizeProblems(problems)).toBe(problems[0]?.message);
    expect(summarizeProblems([...problems, ...problems])).toMatch(/does not exist \(and 1 more like it\)$/);
    expect(summarizeProblems([])).toBeNull();
  });

  it('keeps what it read before, of the same upstream only', async () => {
    const file = path.join(folder, 'rotating.pem');
    fs.writeFileSync(file, authority.pair.certificate);
    const rotating = upstream('rotating', { ca: 'rotating.pem' });
    const before = (await readTlsOf([rotating], folder)).materials;
    fs.writeFileSync(file, authority.pair.certificate.slice(0, 100));
    const during = await readTlsOf([rotating, { ...rotating, id: 'new' }], folder, before);
    expect(during.materials).toEqual(before);
    expect(during.problems.map(({ upstreamId, kept }) => [upstreamId, kept])).toEqual([
      ['rotating', true],
      ['new', false],
    ]);
    fs.writeFileSync(file, other.pair.certificate);
    const after = await readTlsOf([rotating], folder, during.materials);
    expect(after.problems).toEqual([]);
    expect(new X509Certificate(after.materials.get('rotating')?.authorities?.[0] ?? '').subject).toBe('CN=other-ca');
  });
});
