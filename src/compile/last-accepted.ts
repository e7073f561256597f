/**
 * Last good version per resource: which resources are broken now, which earlier version stands in for
 * them, and what is kept for the next build.
 */
import { resourceKey, type Finding, type SourceRef } from '../diagnostics/finding.ts';
import { compareCodePoints } from '../model/rank.ts';
import type { Json } from '../model/route-model.ts';
import type { AcceptedObject, AcceptedResource, AcceptedResources } from '../program/accepted.ts';
import { isDeepEqual } from './deep-equal.ts';

/** A manifest's object as this file needs it; KubernetesObject has this shape. */
export type ManifestObject = Omit<AcceptedObject, 'spec'> & {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly source: SourceRef;
  readonly locate: (path: string) => number | null;
};

/** Warnings with which a route refuses although the resource itself may be right. */
const REFUSING_CODES = new Set(['upstream-unresolved', 'upstream-private-address', 'host-rewrite-unsupported']);

/**
 * Errors whose resource may be sound: the later of two objects with one name is wrong, and the first is
 * used; a RateLimitService is wrong, and the Mapping has labels for it.
 */
const SOUND_CODES = new Set(['resource-duplicate', 'rate-limit-service-unsupported']);

/** Keys of the resources that cannot be served as they are written now. */
export function brokenKeys(findings: readonly Finding[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { severity, code, source } of findings) {
    if (SOUND_CODES.has(code)) continue;
    if (source !== null && (severity === 'error' || REFUSING_CODES.has(code))) keys.add(resourceKey(source));
  }
  return keys;
}

export type Substitution = {
  readonly key: string;
  readonly accepted: AcceptedObject;
  readonly staleSince: string;
  /** Where the broken version was read. */
  readonly source: SourceRef;
};

/**
 * Earlier versions for the broken resources that have a different one. A resource whose text could not
 * be read at all has no object, but its identity may have been recovered: the finding then names it.
 */
export function findSubstitutions(
  broken: ReadonlySet<string>,
  present: ReadonlyMap<string, ManifestObject>,
  unreadable: ReadonlyMap<string, SourceRef>,
  context: { readonly previous: AcceptedResources; readonly now: string; readonly plain: PlainForm },
): readonly Substitution[] {
  const { previous, now, plain } = context;
  return [...broken].toSorted(compareCodePoints).flatMap((key) => {
    const earlier = Object.hasOwn(previous, key) ? previous[key] : undefined;
    if (earlier === undefined) return [];
    const object = present.get(key);
    const source = object?.source ?? unreadable.get(key);
    // Neither here nor unreadable: deleted, and a deleted resource is simply gone.
    if (source === undefined) return [];
    if (object !== undefined && isDeepEqual(plain.of(object), earlier.object)) return [];
    return [{ key, accepted: earlier.object, staleSince: earlier.staleSince ?? now, source }];
  });
}

/** The object that stands in: the earlier content at the place of the broken one. */
export function substituteObject({ accepted, source }: Substitution): ManifestObject {
  return { ...accepted, source, locate: () => source.line };
}

/** What to keep of these resources: good ones as they are now, the others as they last were. */
export function acceptResources(
  keys: readonly string[],
  present: ReadonlyMap<string, ManifestObject>,
  broken: ReadonlySet<string>,
  context: {
    readonly substituted: ReadonlyMap<string, Substitution>;
    readonly previous: AcceptedResources;
    readonly plain: PlainForm;
  },
): AcceptedResources {
  const { substituted, previous, plain } = context;
  const accepted: [string, AcceptedResource][] = [];
  for (const key of keys) {
    const object = present.get(key);
    const stale = substituted.get(key);
    if (stale !== undefined) accepted.push([key, { object: stale.accepted, staleSince: stale.staleSince }]);
    else if (broken.has(key)) {
      // Accepted once, or never: an entry stays as it was, so that a later build can still return to it.
      const earlier = Object.hasOwn(previous, key) ? previous[key] : undefined;
      if (earlier !== undefined) accepted.push([key, earlier]);
    } else if (object !== undefined && isKept(object)) accepted.push([key, plain.entry(object)]);
  }
  return Object.fromEntries(accepted);
}

/** `true`: as it is. A list: of its members only these. */
type KeptFields = Readonly<Record<string, true | readonly string[]>>;

const ID = { ambassador_id: true, ambassadorId: true, ambassadorSelector: true } as const;

const EXTERNAL = [
  'auth_service',
  'proto',
  'protocol_version',
  'path_prefix',
  'timeout_ms',
  'allowed_request_headers',
  'allowed_authorization_headers',
  'add_linkerd_headers',
  'allow_request_body',
  'include_body',
  'status_on_error',
  'failure_mode_allow',
  'tls',
  'tlsConfig',
];
const GATEWAY_EXTERNAL = [
  'protocol',
  'authServiceURL',
  'timeout',
  'statusOnError',
  'failureModeAllow',
  'httpSettings',
  'grpcSettings',
  'include_body',
  'includeBody',
  'tlsConfig',
];
const JWT = [
  'jwksURI',
  'validAlgorithms',
  'audience',
  'audiences',
  'requireAudienceAll',
  'requireAudience',
  'issuer',
  'requireIssuer',
  'requireExpiresAt',
  'requireNotBefore',
  'requireIssuedAt',
  'leewayForExpiresAt',
  'leewayForNotBefore',
  'leewayForIssuedAt',
  'maxStale',
  'insecureTLS',
  'renegotiateTLS',
  'injectRequestHeaders',
  'errorResponse',
];
const API_KEY = ['httpHeader', 'keys'];

/**
 * Kinds that may hold a secret in clear keep what they can be rebuilt from and nothing else. Of OAuth2
 * (`secret`, `clientSecret`) and Plugin (settings of its own) only that they are there: they refuse in any case.
 */
const KEPT_FIELDS: Readonly<Record<string, KeptFields>> = {
  Filter: {
    ...ID,
    type: true,
    JWT,
    jwt: JWT,
    APIKey: API_KEY,
    apikey: API_KEY,
    External: EXTERNAL,
    external: [...EXTERNAL, ...GATEWAY_EXTERNAL],
    OAuth2: [],
    oauth2: [],
    Plugin: [],
    plugin: [],
  },
  EnvoyFilter: ID,
  AuthService: { ...ID, ...Object.fromEntries(EXTERNAL.map((name) => [name, true as const])) },
  TracingService: { ...ID, driver: true, service: true },
};

/**
 * An AuthService sends `add_auth_headers` to prove who asks, so they hold secrets; without them it would
 * be another service. No earlier version stands in for such a one, and its routes refuse.
 */
function isKept({ kind, spec }: ManifestObject): boolean {
  return kind !== 'Secret' && !(kind === 'AuthService' && (spec['add_auth_headers'] ?? null) !== null);
}

function keptFields(kind: string, spec: ManifestObject['spec']): ManifestObject['spec'] {
  const kept = KEPT_FIELDS[kind];
  if (kept === undefined) return spec;
  const fields: [string, unknown][] = [];
  for (const [key, value] of Object.entries(spec)) {
    const members = Object.hasOwn(kept, key) ? kept[key] : undefined;
    if (members === undefined) continue;
    if (members === true) fields.push([key, value]);
    // Text where a mapping belongs is a mistake, and may be the secret itself.
    else fields.push([key, isRecord(value) && !Array.isArray(value) ? pick(value, members) : null]);
  }
  return Object.fromEntries(fields);
}

function pick(value: Readonly<Record<string, unknown>>, members: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => members.includes(key)));
}

/** Objects as plain JSON, remembered by identity: most objects of a rebuild are the ones of the build before. */
export class PlainForm {
  readonly #entries = new WeakMap<ManifestObject, AcceptedResource>();

  of(object: ManifestObject): AcceptedObject {
    return this.entry(object).object;
  }

  entry(object: ManifestObject): AcceptedResource {
    let entry = this.#entries.get(object);
    if (entry === undefined) {
      entry = { object: toPlain(object), staleSince: null };
      this.#entries.set(object, entry);
    }
    return entry;
  }
}

function toPlain({ apiVersion, kind, metadata, spec, clusters }: ManifestObject): AcceptedObject {
  const { name, namespace, labels, annotations, generation, creationTimestamp } = metadata;
  const ours = Object.entries(annotations).filter(([key]) => key.startsWith('getambassador.io/'));
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels, annotations: Object.fromEntries(ours), generation, creationTimestamp },
    spec: plainRecord(keptFields(kind, spec)),
    ...(clusters !== undefined && { clusters }),
  };
}

function plainRecord(value: Readonly<Record<string, unknown>>): { readonly [key: string]: Json } {
  const record: { [key: string]: Json } = {};
  for (const key of Object.keys(value)) {
    const json = plainJson(value[key]);
    if (json === undefined) continue;
    // Assigning would call the setter that every object inherits.
    if (key === '__proto__') Object.defineProperty(record, key, { value: json, enumerable: true });
    else record[key] = json;
  }
  return record;
}

/** undefined: nothing that JSON can say. */
function plainJson(value: unknown): Json | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map((item) => plainJson(item) ?? null);
  return isRecord(value) ? plainRecord(value) : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
