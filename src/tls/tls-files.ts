/**
 * The files that `tls` of an upstream names. They are judged here, because a runtime that is handed a
 * bad one does not start at all, and says so in words that name no file.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { UserError } from '../diagnostics/errors.ts';
import type { CompiledUpstream } from '../program/route-program.ts';

/** What a connection to an https upstream needs. Texts are PEM. */
export type TlsMaterial = {
  /** Asked for (SNI) and expected in the upstream's certificate. */
  readonly serverName: string;
  /** One certificate each; null: those that browsers trust. */
  readonly authorities: readonly string[] | null;
  readonly certificate: { readonly chain: string; readonly key: string } | null;
};

/** The runtime reads no further into a chain, and refuses a longer one. */
const MAX_CHAIN = 10;

export type TlsReading = {
  /** By upstream id: every https upstream that can be connected to as its settings say. */
  readonly materials: ReadonlyMap<string, TlsMaterial>;
  /** One line each. `kept`: what `before` held is used on. */
  readonly problems: readonly { readonly upstreamId: string; readonly message: string; readonly kept: boolean }[];
};

/**
 * Reads the files of all upstreams; never fails for one of them.
 *
 * @param folder what relative paths begin at
 * @param before an earlier reading: a file that is half exchanged must not cost an upstream that works
 */
export async function readTlsOf(
  upstreams: readonly CompiledUpstream[],
  folder: string,
  before: TlsReading['materials'] = new Map(),
): Promise<TlsReading> {
  const materials = new Map<string, TlsMaterial>();
  const problems: { upstreamId: string; message: string; kept: boolean }[] = [];
  for (const upstream of upstreams) {
    const { id } = upstream;
    try {
      const material = await readTlsMaterial(upstream, folder);
      if (material !== null) materials.set(id, material);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const kept = before.get(id);
      if (kept !== undefined) materials.set(id, kept);
      problems.push({ upstreamId: id, message: error.message, kept: kept !== undefined });
    }
  }
  return { materials, problems };
}

/** The one line of a start that fails for these; null: there are none. */
export function summarizeProblems(problems: TlsReading['problems']): string | null {
  const [first, ...rest] = problems;
  if (first === undefined) return null;
  return rest.length === 0 ? first.message : `${first.message} (and ${rest.length} more like it)`;
}

/**
 * null: the upstream is not reached by https. `folder` is what relative paths begin at.
 *
 * @throws UserError, one line that names upstream, key and file
 */
export async function readTlsMaterial(upstream: CompiledUpstream, folder: string): Promise<TlsMaterial | null> {
  const url = new URL(upstream.origin);
  if (url.protocol !== 'https:') return null;
  const { serverName = url.hostname, ca, certificate } = upstream.tls ?? {};
  const place: Place = { origin: upstream.origin, folder };
  return {
    serverName,
    authorities: ca === undefined ? null : (await readCertificates({ ...place, key: 'ca', file: ca })).map(String),
    certificate: certificate === undefined ? null : await readKeyPair(certificate, place),
  };
}

type Place = { readonly origin: string; readonly folder: string };
type NamedFile = Place & { readonly key: string; readonly file: string };

async function readKeyPair(
  { chain, key }: { readonly chain: string; readonly key: string },
  place: Place,
): Promise<NonNullable<TlsMaterial['certificate']>> {
  const chainFile = { ...place, key: 'certificate.chain', file: chain };
  const keyFile = { ...place, key: 'certificate.key', file: key };
  const certificates = await readCertificates(chainFile);
  if (certificates.length > MAX_CHAIN) fail(chainFile, `holds more than ${MAX_CHAIN} certificates`);
  const privateKey = toKey(keyFile, await readText(keyFile));
  if (certificates[0]?.checkPrivateKey(privateKey) !== true) {
    fail(keyFile, `is not the key of the first certificate in ${chain}`);
  }
  return {
    chain: certificates.join(''),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

async function readCertificates(file: NamedFile): Promise<readonly X509Certificate[]> {
  const text = await readText(file);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) fail(file, 'holds no certificate in PEM form');
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      return fail(file, `: certificate ${index + 1} of ${blocks.length} cannot be read`);
    }
  });
}

function toKey(file: NamedFile, text: string): KeyObject {
  // The words of both forms: PKCS #8 says it in its label, the older one in a header.
  if (/\bENCRYPTED\b/.test(text)) fail(file, 'is encrypted, and nobody is here to unlock it');
  try {
    return createPrivateKey(text);
  } catch {
    return fail(file, 'holds no private key in PEM form');
  }
}

async function readText(named: NamedFile): Promise<string> {
  const file = path.resolve(named.folder, named.file);
  try {
    // Anything else may never end.
    if (!(await fs.stat(file)).isFile()) fail(named, 'is not a file');
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return fail(named, WORDS[code] ?? `cannot be read: ${code}`);
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
};

function fail({ origin, key, file }: NamedFile, problem: string): never {
  throw new UserError(`upstream ${origin}: tls.${key} ${file}${problem.startsWith(':') ? '' : ' '}${problem}`);
}
