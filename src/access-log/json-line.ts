/** JSON lines: Envoy, Caddy, nginx with a JSON `log_format`, and whatever else once its fields are named. */
import { clientOf, said, type AccessEntry, type ReadOptions, type Unreadable } from './entry.ts';
import { parseLogTime } from './log-time.ts';
import { parseRequestLine } from './text-line.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * What a field can hold, and where it is looked for: the first path that the line has. `start` is the
 * beginning of the request, `time` its end, when the line was written; `duration` is in milliseconds,
 * `duration-s` in seconds.
 */
export const FIELDS = {
  start: ['start_time', 'startTime', 'start'],
  time: ['ts', 'time', 'timestamp', '@timestamp', 'time_iso8601', 'time_local', 'msec'],
  duration: ['duration_ms', 'durationMs', 'duration', 'latency_ms'],
  'duration-s': ['request_time', 'duration_s'],
  address: [
    'client_ip',
    'clientIp',
    'request.client_ip',
    'request.remote_ip',
    'downstream_remote_address',
    'x_forwarded_for',
    'http_x_forwarded_for',
    'remote_addr',
    'remote_ip',
    'client',
  ],
  method: ['method', 'request_method', 'request.method'],
  path: ['path', 'request_uri', 'request.uri', 'uri', 'url', 'target'],
  host: ['authority', 'host', 'request.host', 'http_host', 'server_name'],
  consumer: ['consumer', 'user', 'user_id', 'remote_user'],
  'api-key': ['api_key', 'apiKey'],
  country: ['country', 'geoip_country_code'],
  route: ['route', 'route_name'],
} as const;
export type FieldName = keyof typeof FIELDS;

/** Longer durations are mistakes of the log. */
const LONGEST_MS = 30 * 86_400_000;

export function parseJsonLine(line: string, options: ReadOptions): AccessEntry | Unreadable {
  const json = parseObject(line);
  if (json === null) return { unreadable: 'it is not a JSON object' };
  const find = (name: FieldName): string | null => fieldOf(json, name, options.fields);
  const durationMs = durationOf(json, options.fields);
  const atMs = startOf(find, durationMs);
  if (atMs === null) return { unreadable: 'no field holds its time' };
  // nginx has the whole request line under this name, Caddy an object.
  const request = typeof json['request'] === 'string' ? parseRequestLine(json['request']) : null;
  return {
    atMs,
    durationMs,
    address: clientOf(find('address') ?? '', options.trustedHops),
    method: find('method') ?? request?.method ?? null,
    target: find('path') ?? request?.target ?? null,
    host: find('host'),
    consumer: find('consumer'),
    apiKey: find('api-key'),
    country: find('country'),
    route: find('route'),
    others: othersOf(json, options),
  };
}

function parseObject(line: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function fieldOf(json: JsonObject, name: FieldName, fields: ReadOptions['fields']): string | null {
  const named = fields.get(name);
  if (named !== undefined) return textAt(json, named);
  for (const path of FIELDS[name]) {
    const text = textAt(json, path);
    if (text !== null) return text;
  }
  return null;
}

/** Without a `start` the request began its duration before the line was written. */
function startOf(find: (name: FieldName) => string | null, durationMs: number | null): number | null {
  const start = find('start');
  const startMs = start === null ? null : parseLogTime(start);
  if (startMs !== null) return startMs;
  const end = find('time');
  const endMs = end === null ? null : parseLogTime(end);
  return endMs === null ? null : Math.max(0, endMs - (durationMs ?? 0));
}

function durationOf(json: JsonObject, fields: ReadOptions['fields']): number | null {
  // Caddy says seconds where Envoy says milliseconds; its lines have an object `request`.
  const isCaddy = isObject(json['request']) && !fields.has('duration') && !fields.has('duration-s');
  const seconds = isCaddy ? textAt(json, 'duration') : null;
  const inMs = seconds === null && !fields.has('duration-s') ? number(fieldOf(json, 'duration', fields)) : null;
  if (inMs !== null) return inMs;
  const inSeconds = number(seconds ?? fieldOf(json, 'duration-s', fields));
  return inSeconds === null ? null : number(String(inSeconds * 1_000));
}

function number(text: string | null): number | null {
  const value = text === null || text.trim() === '' ? Number.NaN : Number(text);
  return value >= 0 && value <= LONGEST_MS ? value : null;
}

function othersOf(json: JsonObject, { fields, wanted }: ReadOptions): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of wanted) {
    const named = fields.get(name);
    const text = named !== undefined ? textAt(json, named) : name.startsWith('header:') ? headerAt(json, name) : null;
    if (text !== null) found[name] = text;
  }
  return found;
}

/** As Caddy (`request.headers`) and nginx (`http_x_api_key`) write them, or under the name itself. */
function headerAt(json: JsonObject, wanted: string): string | null {
  const name = wanted.slice('header:'.length);
  const snake = name.replaceAll('-', '_');
  for (const path of [['request', 'headers'], ['headers'], ['request_headers']]) {
    const headers = path.reduce<unknown>((at, key) => (isObject(at) ? own(at, key) : undefined), json);
    if (!isObject(headers)) continue;
    const spelled = Object.keys(headers).find((key) => key.toLowerCase() === name);
    if (spelled !== undefined) return textOf(headers[spelled]);
  }
  return textOf(own(json, name)) ?? textOf(own(json, `http_${snake}`)) ?? textOf(own(json, snake));
}

/** A member of this whole name goes before the members that its dots lead to. */
function textAt(json: JsonObject, path: string): string | null {
  const whole = textOf(own(json, path));
  if (whole !== null || !path.includes('.')) return whole;
  return textOf(path.split('.').reduce<unknown>((at, key) => (isObject(at) ? own(at, key) : undefined), json));
}

function textOf(value: unknown): string | null {
  if (typeof value === 'string') return said(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (!Array.isArray(value)) return null;
  const texts = value.filter((part) => typeof part === 'string');
  return texts.length === 0 ? null : said(texts.join(', '));
}

function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
