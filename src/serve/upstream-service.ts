/**
 * One workerd service per upstream: the address is fixed in the configuration, so Host, TLS name,
 * authorities and client certificate can differ from it.
 */
import { bindingName } from '../program/binding-name.ts';
import type { CompiledUpstream } from '../program/route-program.ts';
import type { TlsMaterial } from '../tls/tls-files.ts';
import { capnpText } from './capnp-text.ts';

export type UpstreamService = {
  readonly upstreamId: string;
  /** Name of the service and of its binding. */
  readonly name: string;
  /** Element of the configuration's list of services. */
  readonly text: string;
};

export type UpstreamServices = {
  readonly services: readonly UpstreamService[];
  /** Upstreams that cannot be bound: their routes refuse, the others serve. */
  readonly unusable: readonly { readonly upstreamId: string; readonly reason: string }[];
};

/** @param materials what each https upstream needs, by id */
export function upstreamServices(
  upstreams: readonly CompiledUpstream[],
  materials: ReadonlyMap<string, TlsMaterial>,
): UpstreamServices {
  const services: UpstreamService[] = [];
  const unusable: { upstreamId: string; reason: string }[] = [];
  for (const upstream of upstreams) {
    // The others reach their backends without a service of their own.
    if (upstream.via.kind !== 'binding') continue;
    const address = addressOf(upstream.origin);
    if (address === null) {
      unusable.push({ upstreamId: upstream.id, reason: `${upstream.origin} is not an address to connect to` });
      continue;
    }
    const material = materials.get(upstream.id);
    if (address.secure && material === undefined) {
      unusable.push({ upstreamId: upstream.id, reason: 'files of its TLS settings cannot be used' });
      continue;
    }
    const name = bindingName(upstream.id);
    const transport = material === undefined ? 'http = ()' : `https = ${httpsOptions(material)}`;
    const external = `(address = ${capnpText(`${address.host}:${address.port}`)}, ${transport})`;
    services.push({ upstreamId: upstream.id, name, text: `(name = ${capnpText(name)}, external = ${external})` });
  }
  return { services, unusable };
}

function httpsOptions({ serverName, authorities, certificate }: TlsMaterial): string {
  const options = [
    authorities === null
      ? 'trustBrowserCas = true'
      : `trustedCertificates = [${authorities.map(capnpText).join(', ')}]`,
    ...(certificate === null
      ? []
      : [`keypair = (privateKey = ${capnpText(certificate.key)}, certificateChain = ${capnpText(certificate.chain)})`]),
  ];
  return `(options = (), tlsOptions = (${options.join(', ')}), certificateHost = ${capnpText(serverName)})`;
}

type Address = { readonly secure: boolean; readonly host: string; readonly port: number };

/** Underscores are no DNS host names, but resolvers of clusters and containers answer to them. */
const DNS_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;

/** null: the runtime would read it as something else (`*`, `unix:…`), or could never connect. */
export function addressOf(origin: string): Address | null {
  if (!URL.canParse(origin)) return null;
  const url = new URL(origin);
  const secure = url.protocol === 'https:';
  if (!secure && url.protocol !== 'http:') return null;
  const isName = DNS_NAME.test(url.hostname);
  // The URL parser has checked bracketed addresses.
  if (!isName && !url.hostname.startsWith('[')) return null;
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  return port === 0 ? null : { secure, host: url.hostname, port };
}
