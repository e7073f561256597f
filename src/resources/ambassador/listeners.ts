/** Listeners: which Hosts they take, and how a request on them is judged secure or not. */
import type { Report } from '../../diagnostics/finding.ts';
import type { DomainModel, SecurityModel } from '../../model/route-model.ts';
import { compareByName } from './resource-order.ts';
import { listNames, nameOf, reportAt } from './report-at.ts';
import type { HostResource, ListenerResource } from './types.ts';

const models = { XFP: 'forwarded-proto', SECURE: 'secure', INSECURE: 'insecure' } as const;
/** The later one trusts a request more. */
const byTrust: readonly SecurityModel[] = ['insecure', 'forwarded-proto', 'secure'];

/**
 * Clear requests are judged by the Host's Listeners without TLS, TLS requests by those with TLS.
 * Ports are not carried: the edge has one port of each kind.
 */
export function domainSecurity(
  host: HostResource,
  listeners: readonly ListenerResource[],
  report: Report,
): DomainModel['security'] {
  const usable = httpListeners(listeners);
  if (usable.length === 0) return { http: 'forwarded-proto', https: 'forwarded-proto' };
  const bound = usable.filter((listener) => takesHost(listener, host));
  if (bound.length === 0) {
    reportUnbound(host, report);
    return { http: null, https: null };
  }
  const secure = bound.filter(hasTls);
  const clear = bound.filter((listener) => !hasTls(listener));
  return {
    http: clear.length === 0 ? clearOnTlsListener(secure) : strictest(host, clear, 'http', report),
    https: strictest(host, secure.length === 0 ? clear : secure, 'https', report),
  };
}

/**
 * The number of trusted proxies: the largest `l7Depth`. null without HTTP Listeners, which leaves the
 * setting to its default.
 */
export function trustedHops(listeners: readonly ListenerResource[], report: Report): number | null {
  const usable = httpListeners(listeners).toSorted(compareByName);
  if (usable.length === 0) return null;
  const hops = Math.max(...usable.map(({ spec }) => spec.l7Depth));
  const differing = usable.find(({ spec }) => spec.l7Depth !== hops);
  if (differing !== undefined) {
    reportAt(report, differing, {
      severity: 'warning',
      code: 'listener-conflict',
      message: `Listeners name different depths; ${hops} is used everywhere, because the edge has one way in.`,
      path: 'spec.l7Depth',
      hint: 'Give every Listener the number of trusted proxies in front of this gateway.',
    });
  }
  return hops;
}

export function takesHost(listener: ListenerResource, host: HostResource): boolean {
  const { namespaceFrom, matchLabels } = listener.spec.hostBinding;
  if (namespaceFrom === 'SELF' && listener.namespace !== host.namespace) return false;
  return matchLabels === null || hasAllLabels(host.labels, matchLabels);
}

/** An empty selector selects everything. */
export function hasAllLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

/** Listeners for plain TCP, TLS pass-through or UDP alone carry no HTTP; an invalid one decides nothing. */
function httpListeners(listeners: readonly ListenerResource[]): readonly ListenerResource[] {
  return listeners.filter(({ spec, invalid }) => invalid.length === 0 && spec.protocolStack.includes('HTTP'));
}

function hasTls(listener: ListenerResource): boolean {
  return listener.spec.protocolStack.includes('TLS');
}

/**
 * Only TLS Listeners: Ambassador would judge a clear request on their port by their own model, which for
 * SECURE means serving it as if it were secure. At the edge such a request comes to another port, so the
 * trusted scheme decides instead, and the Host's insecure action answers what is in clear.
 */
function clearOnTlsListener(secure: readonly ListenerResource[]): SecurityModel {
  return secure.some(({ spec }) => spec.securityModel === 'INSECURE') ? 'insecure' : 'forwarded-proto';
}

/** With several models the least trusting one holds: the others would serve more than it allows. */
function strictest(
  host: HostResource,
  listeners: readonly ListenerResource[],
  transport: string,
  report: Report,
): SecurityModel {
  const wanted = new Set<SecurityModel>(listeners.map(({ spec }) => models[spec.securityModel]));
  const model = byTrust.find((candidate) => wanted.has(candidate)) ?? 'insecure';
  if (wanted.size > 1) {
    reportAt(report, host, {
      severity: 'warning',
      code: 'listener-conflict',
      message: `The Listeners ${listNames(listeners.toSorted(compareByName).map(nameOf))} judge ${transport} requests to this Host differently; the strictest, \`${model}\`, is used.`,
      path: null,
      hint: 'Bind the Host to one Listener for each of http and https.',
    });
  }
  return model;
}

function reportUnbound(host: HostResource, report: Report): void {
  reportAt(report, host, {
    severity: 'warning',
    code: 'host-unbound',
    message: 'No Listener takes this Host, so its hostname is not served.',
    path: null,
    hint: 'Let a Listener bind it: `hostBinding.namespace.from: ALL`, or a selector that fits its labels.',
  });
}
