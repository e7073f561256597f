/** Hosts → domains: one per hostname, with the security model of the Listeners that take the Host. */
import type { Report } from '../../diagnostics/finding.ts';
import { hostPatternProblem } from '../../model/hostname.ts';
import type { DomainModel, RefuseAction } from '../../model/route-model.ts';
import { uniqueByName } from './resource-order.ts';
import { domainSecurity } from './listeners.ts';
import { comparedHost } from './matchers.ts';
import { nameOf, provenanceAt, reportAt } from './report-at.ts';
import type { AmbassadorOptions, HostResource, ListenerResource } from './types.ts';

/** The domain of hostnames that no Host claims. */
export const DEFAULT_DOMAIN = 'default';

export type LinkedHost = {
  readonly resource: HostResource;
  readonly hostname: string;
  /** null: another Host with this hostname came first, or the hostname is unusable. */
  readonly domain: DomainModel | null;
};

/** In order of namespace and name. */
export function linkHosts(
  hosts: readonly HostResource[],
  listeners: readonly ListenerResource[],
  options: AmbassadorOptions,
  report: Report,
): readonly LinkedHost[] {
  const linked = new Map<HostResource, LinkedHost>();
  const claimed = new Map<string, HostResource>();
  const ordered = uniqueByName(hosts, report);
  // Among Hosts of one hostname a sound one wins, so that a broken one cannot take the name from it.
  for (const resource of [...ordered.filter(isSound), ...ordered.filter((host) => !isSound(host))]) {
    const hostname = comparedHost(resource.spec.hostname, options.hostPort ?? 'strip');
    const usable = isHostnameUsable(resource, hostname, report);
    const first = claimed.get(hostname);
    if (usable && first !== undefined) reportDuplicate(resource, first, hostname, report);
    const taken = usable && first === undefined;
    if (taken) claimed.set(hostname, resource);
    const domain = taken ? hostDomain(resource, hostname, listeners, report) : null;
    linked.set(resource, { resource, hostname, domain });
  }
  return ordered.flatMap((resource) => linked.get(resource) ?? []);
}

/** Serves what no Host claims. Reached over any transport, and never redirects: nobody asked for it. */
export function defaultDomain(): DomainModel {
  return {
    id: DEFAULT_DOMAIN,
    hostname: '*',
    source: null,
    security: { http: 'forwarded-proto', https: 'forwarded-proto' },
    insecureAction: 'route',
    refuse: null,
  };
}

function isSound(host: HostResource): boolean {
  return host.invalid.length === 0;
}

function isHostnameUsable(resource: HostResource, hostname: string, report: Report): boolean {
  // The hostname of an invalid field is a stand-in; claiming it would take names the Host never had.
  if (resource.invalid.some(({ path }) => path === 'spec.hostname')) return false;
  const problem = hostPatternProblem(hostname);
  if (problem === null) return true;
  reportAt(report, resource, {
    severity: 'error',
    code: 'hostname-invalid',
    message: `\`${resource.spec.hostname}\` cannot serve as a hostname: ${problem}. The Host serves nothing.`,
    path: 'spec.hostname',
    hint: 'Write a full name, `*`, or one `*` at the very start or the very end.',
  });
  return false;
}

function reportDuplicate(resource: HostResource, first: HostResource, hostname: string, report: Report): void {
  reportAt(report, resource, {
    severity: 'warning',
    code: 'host-duplicate',
    message: `Host ${nameOf(first)} already serves \`${hostname}\`, so this Host is not used.`,
    path: 'spec.hostname',
    hint: 'Keep one Host per hostname; its `mappingSelector` decides which Mappings it serves.',
  });
}

function hostDomain(
  resource: HostResource,
  hostname: string,
  listeners: readonly ListenerResource[],
  report: Report,
): DomainModel {
  const { cluster } = resource.source;
  return {
    id: `Host/${nameOf(resource)}${cluster === undefined ? '' : `@${cluster}`}`,
    hostname,
    source: provenanceAt(resource, null),
    security: domainSecurity(resource, listeners, report),
    insecureAction: insecureActions[resource.spec.insecureAction],
    refuse: hostRefusal(resource, report),
  };
}

const insecureActions = { Redirect: 'redirect', Reject: 'reject', Route: 'route' } as const;

function hostRefusal(resource: HostResource, report: Report): RefuseAction | null {
  if (!isSound(resource)) {
    const message = `Host ${nameOf(resource)} is not valid.`;
    return { kind: 'refuse', status: 500, code: 'resource-invalid', message };
  }
  if (!resource.spec.requiresClientCertificate) return null;
  reportAt(report, resource, {
    severity: 'warning',
    code: 'client-certificate-not-enforced',
    message: 'This Host asks clients for a certificate, which is not checked here, so every request to it is refused.',
    path: null,
    hint: 'Enforce client certificates on the platform in front, then remove the requirement from the Host.',
  });
  const message = `Host ${nameOf(resource)} requires a client certificate, which is not checked here.`;
  return { kind: 'refuse', status: 503, code: 'client-certificate-not-enforced', message };
}
