/** What the `ambassador` Module says about every Mapping that does not say otherwise. */
import { isLabelSpecifier, type LabelSpecifier } from './label-shape.ts';
import type { CorsSpec, HeaderAddition, ModuleResource } from './types.ts';

export type ModuleDefaults = {
  readonly resource: ModuleResource | null;
  /** Default of Mapping `timeout_ms`. */
  readonly requestTimeoutMs: number;
  /** Largest RE2 program; null: the compiler's default, which is Ambassador's. */
  readonly regexMaxSize: number | null;
  readonly cors: CorsSpec | null;
  readonly resolver: string | null;
  readonly addLinkerdHeaders: boolean;
  readonly useAmbassadorNamespace: boolean;
  readonly labels: ModuleLabels;
  /** `defaults.httpmapping.KEY`, else `defaults.KEY`; null when neither is there. */
  readonly addRequestHeaders: Readonly<Record<string, HeaderAddition>> | null;
  readonly addResponseHeaders: Readonly<Record<string, HeaderAddition>> | null;
  readonly removeRequestHeaders: readonly string[] | null;
  readonly removeResponseHeaders: readonly string[] | null;
};

/** What the Module says about rate-limit labels. */
export type ModuleLabels = {
  /** Where the labels of a Mapping without any belong, and what a RateLimitService without domain counts. */
  readonly domain: string;
  /** By domain: what goes before the labels of each group. */
  readonly before: ReadonlyMap<string, readonly LabelSpecifier[]>;
  /** Something of it cannot be read, so that nobody can say which labels a request has. */
  readonly unreadable: boolean;
};

/** Ambassador's own default, three seconds for the whole exchange. */
const DEFAULT_REQUEST_TIMEOUT_MS = 3000;

/** Values of a wrong type count as absent here; the shape check has reported them. */
export function readModuleDefaults(resource: ModuleResource | null): ModuleDefaults {
  const config = resource?.spec.config ?? {};
  const defaults = record(config['defaults']);
  const forMappings = record(defaults['httpmapping']);
  const lookup = (key: string): unknown => forMappings[key] ?? defaults[key];
  const timeout = config['cluster_request_timeout_ms'];
  const regexMaxSize = config['regex_max_size'];
  return {
    resource,
    requestTimeoutMs: typeof timeout === 'number' && timeout >= 0 ? timeout : DEFAULT_REQUEST_TIMEOUT_MS,
    regexMaxSize: typeof regexMaxSize === 'number' && regexMaxSize > 0 ? regexMaxSize : null,
    cors: readCors(config['cors']),
    resolver: text(config['resolver']),
    addLinkerdHeaders: config['add_linkerd_headers'] === true,
    useAmbassadorNamespace: config['use_ambassador_namespace_for_service_resolution'] === true,
    labels: readModuleLabels(resource),
    addRequestHeaders: readAdditions(lookup('add_request_headers')),
    addResponseHeaders: readAdditions(lookup('add_response_headers')),
    removeRequestHeaders: readNames(lookup('remove_request_headers')),
    removeResponseHeaders: readNames(lookup('remove_response_headers')),
  };
}

const LABEL_KEYS = /^spec\.config\.default_label(?:s|_domain)\b/;

function readModuleLabels(resource: ModuleResource | null): ModuleLabels {
  const config = resource?.spec.config ?? {};
  const before = Object.entries(record(config['default_labels'])).map(
    ([domain, entry]): [string, readonly LabelSpecifier[]] => {
      const specifiers: unknown = record(entry)['defaults'];
      return [domain, Array.isArray(specifiers) ? specifiers.filter(isLabelSpecifier) : []];
    },
  );
  return {
    domain: text(config['default_label_domain']) ?? 'ambassador',
    before: new Map(before),
    unreadable: resource?.invalid.some(({ path }) => LABEL_KEYS.test(path)) ?? false,
  };
}

export function record(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function readCors(value: unknown): CorsSpec | null {
  if (!isRecord(value)) return null;
  const maxAge = value['max_age'];
  return {
    ...listKey('origins', value['origins']),
    ...listKey('methods', value['methods']),
    ...listKey('headers', value['headers']),
    ...listKey('exposed_headers', value['exposed_headers']),
    ...(typeof value['credentials'] === 'boolean' ? { credentials: value['credentials'] } : {}),
    ...(typeof maxAge === 'string' || typeof maxAge === 'number' ? { max_age: String(maxAge) } : {}),
  };
}

/** The Module is untyped: its lists may be one comma-separated string. */
function listKey(key: string, value: unknown): Readonly<Record<string, readonly string[]>> {
  const list = typeof value === 'string' ? value.split(',').map((part) => part.trim()) : readNames(value);
  return list === null ? {} : { [key]: list };
}

/** Each value is `{value, append}` or a bare string; adding is the default. */
function readAdditions(value: unknown): Readonly<Record<string, HeaderAddition>> | null {
  if (!isRecord(value)) return null;
  const additions: Record<string, HeaderAddition> = {};
  for (const [name, entry] of Object.entries(value)) {
    if (typeof entry === 'string') additions[name] = { value: entry, append: true };
    else if (isRecord(entry) && typeof entry['value'] === 'string') {
      additions[name] = { value: entry['value'], append: entry['append'] !== false };
    }
  }
  return additions;
}

function readNames(value: unknown): readonly string[] | null {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) return null;
  return value.filter((name): name is string => typeof name === 'string');
}
