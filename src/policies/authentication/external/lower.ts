/** Authored options of `external` → what the Worker needs, and what is doubtful about them. */
import type { Json, ServiceRef } from '../../../model/route-model.ts';
import { serviceOfName } from '../../../model/service-name.ts';
import { serviceOfUrl } from '../../../model/url-service.ts';
import type { LowerContext } from '../../contract.ts';
import { parseOptions, reportOption } from '../../parse-options.ts';
import type { AuthMethodLowering } from '../method.ts';
import type { CompiledExternal } from './compiled.ts';
import { decodeExternal } from './decode.ts';
import {
  ALWAYS_COPIED,
  ALWAYS_SENT,
  isCredential,
  isTakenFromClients,
  uncopyable,
  unsendable,
} from './header-rules.ts';
import { externalOptionsSchema, type ExternalOptions } from './options.ts';

const KNOWN_KEYS = [
  'service',
  'pathPrefix',
  'timeoutMs',
  'allowedRequestHeaders',
  'allowedAuthorizationHeaders',
  'addRequestHeaders',
  'includeBody',
  'maxBytes',
  'allowPartial',
  'statusOnError',
  'failureModeAllow',
  'contextExtensions',
  'linkerdHeader',
  'host',
  'consumerFromHeader',
] as const;

const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_STATUS = 403;

export const externalLowering: AuthMethodLowering = {
  name: 'external',
  lower(options, context) {
    const parsed = parseOptions(externalOptionsSchema, options, { policy: 'external', knownKeys: KNOWN_KEYS, context });
    if (parsed === null) return null;
    const place = placeOf(parsed, context);
    if (place === null) return null;
    const target = context.upstream(place.service);
    if ('code' in target) {
      reportOption(context, 'error', target.code, { message: target.message, at: ['service'], hint: target.hint });
      return null;
    }
    const requestHeaders = namesOf('allowedRequestHeaders', ALWAYS_SENT, parsed, context);
    const answerHeaders = namesOf('allowedAuthorizationHeaders', ALWAYS_COPIED, parsed, context);
    reviewAnswerHeaders(parsed, context);
    reviewRest(parsed, place.service, context);
    const { timeoutMs = DEFAULT_TIMEOUT_MS, statusOnError = DEFAULT_STATUS, consumerFromHeader } = parsed;
    return {
      target,
      pathPrefix: place.pathPrefix,
      timeoutMs,
      requestHeaders,
      addedHeaders: addedHeaders(parsed, place.service, context),
      answerHeaders,
      ...(parsed.includeBody !== undefined && { body: parsed.includeBody }),
      statusOnError,
      ...(parsed.failureModeAllow === true && { failOpen: true as const }),
      ...(parsed.host === 'service' && { ownHost: true as const }),
      ...(consumerFromHeader !== undefined && { consumerHeader: consumerFromHeader.toLowerCase() }),
    } satisfies CompiledExternal satisfies Json;
  },
  injectedHeaders: (json) => decodeExternal(json).answerHeaders.filter(isTakenFromClients),
  describe(json) {
    const { target, pathPrefix, body, failOpen } = decodeExternal(json);
    const sent = body === undefined ? '' : `, asked with up to ${body.maxBytes} bytes of the body`;
    const open = failOpen === true ? '; passes when that cannot be asked' : '';
    return `a 200 answer of the external service ${target.origin}${pathPrefix}${sent}${open}`;
  },
};

type Place = { readonly service: ServiceRef; readonly pathPrefix: string };

/** null after reporting why the text names no service. */
function placeOf({ service, pathPrefix = '' }: ExternalOptions, context: LowerContext): Place | null {
  if (typeof service !== 'string') return { service, pathPrefix };
  if (!service.includes('://')) {
    const named = serviceOfName(service, 'http', []);
    if (named !== null) return { service: named, pathPrefix };
    return refuse(context, `The service \`${service}\` is neither \`name[.namespace][:port]\` nor a URL.`);
  }
  const found = serviceOfUrl(service);
  if (found === null) return refuse(context, `The URL \`${withoutUser(service)}\` cannot be used.`);
  if (found.path.includes('?'))
    return refuse(context, 'The URL of the service has a query, which no check would send.');
  const path = found.path.replace(/\/$/, '');
  if (path !== '' && pathPrefix !== '') {
    return refuse(context, 'The URL of the service has a path, and `pathPrefix` gives another.');
  }
  return { service: found.service, pathPrefix: path === '' ? pathPrefix : path };
}

function refuse(context: LowerContext, why: string): null {
  reportOption(context, 'error', 'policy-options-invalid', {
    message: `Policy external: ${why} The route refuses requests, because the policy cannot be applied as written.`,
    at: ['service'],
    hint: 'Write a Kubernetes service such as `auth.shop:3000`, or a URL such as `https://auth.example.com/verify`.',
  });
  return null;
}

/** A password in a URL must not reach the terminal or the log of a build. */
function withoutUser(url: string): string {
  return url.replace(/\/\/[^/?#]*@/, '//…@');
}

/** The always-set and the listed names that can cross, sorted. */
function namesOf(
  option: 'allowedRequestHeaders' | 'allowedAuthorizationHeaders',
  always: readonly string[],
  options: ExternalOptions,
  context: LowerContext,
): readonly string[] {
  const why = option === 'allowedRequestHeaders' ? unsendable : uncopyable;
  const names = new Set(always);
  for (const [index, written] of (options[option] ?? []).entries()) {
    const name = written.toLowerCase();
    const reason = why(name);
    if (reason === null) names.add(name);
    else reportUnused(context, written, reason, [option, index]);
  }
  return [...names].toSorted();
}

function addedHeaders(
  { addRequestHeaders = {}, linkerdHeader = false }: ExternalOptions,
  { host, port }: ServiceRef,
  context: LowerContext,
): readonly (readonly [string, string])[] {
  const added = new Map<string, string>();
  if (linkerdHeader) added.set('l5d-dst-override', `${host}:${port}`);
  for (const [written, value] of Object.entries(addRequestHeaders)) {
    const name = written.toLowerCase();
    const reason = unsendable(name);
    if (reason === null) added.set(name, value);
    else reportUnused(context, written, reason, ['addRequestHeaders', written]);
  }
  return [...added].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function reportUnused(context: LowerContext, name: string, reason: string, at: readonly PropertyKey[]): void {
  reportOption(context, 'warning', 'external-header-unused', {
    message: `The header \`${name}\` has no effect here: ${reason}.`,
    at,
    hint: 'Remove it.',
  });
}

function reviewAnswerHeaders({ allowedAuthorizationHeaders = [] }: ExternalOptions, context: LowerContext): void {
  for (const [index, written] of allowedAuthorizationHeaders.entries()) {
    const name = written.toLowerCase();
    if (isTakenFromClients(name) || isCredential(name) || uncopyable(name) !== null) continue;
    reportOption(context, 'warning', 'external-header-forgeable', {
      message: `Clients may send \`${written}\` themselves, and it reaches the upstream as they wrote it whenever the service answers without it.`,
      at: ['allowedAuthorizationHeaders', index],
      hint: 'Let the service say who is calling in a header of its own, for example `x-auth-user`: those are taken from every client.',
    });
  }
}

function reviewRest(options: ExternalOptions, service: ServiceRef, context: LowerContext): void {
  if (options.failureModeAllow === true) {
    reportOption(context, 'warning', 'external-fails-open', {
      message: 'Requests pass unchecked whenever the external service cannot be asked, is late or answers 5xx.',
      at: ['failureModeAllow'],
      hint: 'Leave it out to refuse them.',
    });
  }
  if (options.contextExtensions !== undefined && Object.keys(options.contextExtensions).length > 0) {
    reportOption(context, 'warning', 'external-context-unsent', {
      message: 'Context extensions have no effect: as in Envoy they do not travel over HTTP.',
      at: ['contextExtensions'],
      hint: 'Send what the service must know with `addRequestHeaders`.',
    });
  }
  if (service.scheme === 'http' && service.service === null && !isLoopback(service.host)) {
    reportOption(context, 'warning', 'external-cleartext', {
      message: `Credentials of every request travel to ${service.host} in clear.`,
      at: ['service'],
      hint: 'Use https, unless everything between the gateway and this service is trusted.',
    });
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d+){3}$/.test(host);
}
