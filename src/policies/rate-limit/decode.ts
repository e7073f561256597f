/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import { isTimeZone } from '../../limits/time-zone.ts';
import type { Json } from '../../model/route-model.ts';
import { decodeTemplate } from '../go-template/decode-template.ts';
import type { CompiledRateLimit } from './compiled.ts';

/** Throws when the payload is not a CompiledRateLimit. */
export function decodeRateLimit(json: Json): CompiledRateLimit {
  if (!isRateLimit(json)) {
    throw new Error('The rate-limit policy of this program is not one this version understands.');
  }
  return json;
}

type Check = (value: Json | undefined) => boolean;
type Members = Readonly<Record<string, Check>>;

const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) > 0;
/** In a zone that is not known here the counter would fail, and the limit be open. */
const isZone: Check = (value) => typeof value === 'string' && isTimeZone(value);
const isTrue: Check = (value) => value === true;
const isTemplate: Check = (value) => {
  try {
    return decodeTemplate(value ?? null).length >= 0;
  } catch {
    return false;
  }
};

const oneOf =
  (...known: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && known.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every((each) => check(each));
const mapOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every((each) => check(each));
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Exactly these members: one that is not known may be what makes a limit stricter. */
function object(members: Members): Check {
  return (value) =>
    isObject(value) &&
    Object.keys(value).every((name) => Object.hasOwn(members, name)) &&
    Object.entries(members).every(([name, check]) => check(Object.hasOwn(value, name) ? value[name] : undefined));
}

/** The members by what the member `name` says. */
function variants(name: string, byName: Readonly<Record<string, Members>>): Check {
  const checks = new Map(
    Object.entries(byName).map(([text, members]) => [text, object({ ...members, [name]: isText })]),
  );
  return (value) => {
    if (!isObject(value)) return false;
    const text = value[name];
    return typeof text === 'string' && checks.get(text)?.(value) === true;
  };
}

const windowed = { rate: isCount, periodMs: isCount };
const named = { name: isText };

const isLimit = variants('algorithm', {
  'token-bucket': { ...windowed, burst: isCount },
  'fixed-window': windowed,
  'sliding-window': windowed,
  calendar: { rate: isCount, per: oneOf('day', 'month'), zone: isZone },
  concurrency: { rate: isCount },
});

const isKeyPart = variants('from', {
  address: { ipv6Bits: maybe((value) => isCount(value) && Number(value) <= 128) },
  'api-key': {},
  consumer: {},
  country: {},
  method: {},
  route: {},
  authority: {},
  path: {},
  header: named,
  cookie: named,
  query: named,
  claim: { path: listOf(isText) },
  constant: { value: isText },
});

const isHeaders = listOf(object({ name: isText, value: isTemplate }));

const isCompiledLimit = object({
  label: isText,
  counter: isText,
  limit: isLimit,
  pattern: maybe(listOf(isText)),
  if: maybe(listOf(object({ part: isKeyPart, is: maybe(isText) }))),
  // Without a part, one counter would be everybody's.
  key: maybe((value) => listOf(isKeyPart)(value) && Array.isArray(value) && value.length > 0),
  missing: maybe(oneOf('address', 'skip', 'refuse')),
  mode: maybe(oneOf('leased')),
  shadow: maybe(isTrue),
  onFailure: maybe(oneOf('open', 'closed')),
  budgetMs: maybe(isCount),
  cost: maybe(
    object({ header: maybe(isText), fromClient: maybe(isTrue), responseHeader: maybe(isText), maxCost: isCount }),
  ),
  inject: maybe(object({ request: isHeaders, response: isHeaders })),
  errorResponse: maybe(object({ headers: isHeaders, body: isTemplate })),
});

const isShape = object({
  limits: listOf(isCompiledLimit),
  groups: maybe(listOf(listOf(isCompiledLimit))),
  plans: maybe(
    object({ byName: mapOf(listOf(isCompiledLimit)), claim: maybe(listOf(isText)), default: maybe(isText) }),
  ),
  failures: maybe(isCompiledLimit),
  fence: maybe(isText),
  headers: maybe(oneOf('draft', 'draft-7', 'x-ratelimit', 'none')),
});

function isRateLimit(json: Json): json is CompiledRateLimit & Json {
  return isShape(json);
}
