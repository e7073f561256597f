/** Requests of the fuzz: routes × credentials × spellings of the path × methods × headers. */
import { request as bytesOf } from '../../hostile/corpus/input.ts';
import type { Credential, Credentials } from './credentials.ts';

export type FuzzRequest = {
  readonly id: string;
  readonly bytes: string;
  readonly method: string;
  /** The one Host line; null: there is none or more than one. */
  readonly host: string | null;
  /** Credentials that stand where their kind is looked for; several of one kind are never good. */
  readonly shown: readonly Credential[];
  /** What a model as simple as the documentation says must happen; null: only the oracle of arrivals judges. */
  readonly plain: { readonly prefix: string; readonly passes: boolean } | null;
};

export type Demand = 'none' | 'token' | 'admin' | 'key' | 'caller' | 'any' | 'all' | 'optional';

/** By prefix, for every host. */
export const DEMANDS: Readonly<Record<string, Demand>> = {
  '/jwt/': 'token',
  '/cors/': 'token',
  '/admin/': 'admin',
  '/key/': 'key',
  '/query/': 'key',
  '/ext/': 'caller',
  '/any/': 'any',
  '/all/': 'all',
  '/maybe/': 'optional',
  '/fp/public/': 'none',
  '/fp/': 'token',
  '/fold/': 'token',
  '/open/': 'none',
};

type Random = () => number;

export function createRequests(credentials: Credentials, random: Random): (index: number) => FuzzRequest {
  return (index) => {
    const id = `fuzz-${index}`;
    return random() < 0.25 ? plainRequest(id, credentials, random) : trickyRequest(id, credentials, random);
  };
}

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const PREFIXES = Object.keys(DEMANDS);

function plainRequest(id: string, { good, bad }: Credentials, random: Random): FuzzRequest {
  const prefix = pick(random, PREFIXES);
  const demand = DEMANDS[prefix] ?? 'none';
  const shown = random() < 0.6 ? needed(demand, good, random) : random() < 0.5 ? [] : [pick(random, bad)];
  const lines = shown.flatMap((credential) => lineOf(credential));
  const method = pick(random, ['GET', 'POST', 'HEAD', 'DELETE']);
  const bytes = bytesOf(`${prefix}x`, { method, host: 'gateway.test', lines: [`X-Fuzz: ${id}`, ...lines] });
  return { id, bytes, method, host: 'gateway.test', shown, plain: { prefix, passes: satisfies(demand, shown) } };
}

function needed(demand: Demand, good: readonly Credential[], random: Random): readonly Credential[] {
  const one = (kind: Credential['kind'], isAdmin = false): Credential =>
    pick(
      random,
      good.filter((each) => each.kind === kind && (!isAdmin || each.isAdmin)),
    );
  switch (demand) {
    case 'none':
      return [];
    case 'token':
    case 'optional':
      return [one('token')];
    case 'admin':
      return [one('token', random() < 0.5)];
    case 'key':
    case 'caller':
      return [one(demand)];
    case 'any':
      return [one(pick(random, ['token', 'key']))];
    default:
      return [one('token'), one('key')];
  }
}

/** As the documentation of the policy `auth` says, for credentials in their usual places. */
export function satisfies(demand: Demand, shown: readonly Credential[]): boolean {
  const of = (kind: Credential['kind']): readonly Credential[] => shown.filter((each) => each.kind === kind);
  const isGood = (kind: Credential['kind']): boolean =>
    of(kind).length === 1 && of(kind).every(({ consumer }) => consumer !== null);
  switch (demand) {
    case 'none':
      return true;
    case 'token':
      return isGood('token');
    case 'admin':
      return isGood('token') && of('token').every(({ isAdmin }) => isAdmin);
    case 'key':
    case 'caller':
      return isGood(demand);
    case 'any':
      return isGood('token') || isGood('key');
    case 'all':
      return isGood('token') && isGood('key');
    default:
      return of('token').length === 0 || isGood('token');
  }
}

function lineOf({ kind, text }: Credential): readonly string[] {
  if (kind === 'token') return [`Authorization: Bearer ${text}`];
  return [kind === 'key' ? `X-Api-Key: ${text}` : `X-Who: ${text}`];
}

function trickyRequest(id: string, credentials: Credentials, random: Random): FuzzRequest {
  const { shown, lines } = credentialLines(credentials, random);
  const host = pick(random, HOSTS);
  const method = pick(random, METHODS);
  let target = spelling(pick(random, [...PREFIXES, '/', '/x/']) + pick(random, ['x', 'x/y', '', 'public/x']), random);
  if (random() < 0.08) target = pick(random, ABSOLUTE) + target;
  if (random() < 0.2) target += pick(random, queriesOf(credentials, random));
  const tricks = Array.from({ length: Math.floor(random() * 3) }, () => pick(random, HEADER_TRICKS));
  if (method === 'OPTIONS' && random() < 0.6) tricks.push(pick(random, PREFLIGHTS));
  const all = [...host.map((text) => `Host: ${text}`), `X-Fuzz: ${id}`, ...mixed([...lines, ...tricks.flat()], random)];
  const bytes = `${method} ${target} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n`;
  return { id, bytes, method, host: host.length === 1 ? (host[0] ?? null) : null, shown, plain: null };
}

const METHODS = [
  ...Array.from({ length: 8 }, () => 'GET'),
  ...Array.from({ length: 6 }, () => 'OPTIONS'),
  'POST',
  'POST',
  'HEAD',
  'HEAD',
  'PUT',
  'DELETE',
  'PATCH',
  'PROPFIND',
  'get',
  'TRACE',
  'FOO',
];
const PREFLIGHTS: readonly (readonly string[])[] = [
  ['Origin: https://app.test', 'Access-Control-Request-Method: PUT'],
  ['Origin: https://evil.test', 'Access-Control-Request-Method: PUT'],
  ['Origin: https://app.test', 'Access-Control-Request-Method: '],
  ['Origin: ', 'Access-Control-Request-Method: GET'],
  ['Access-Control-Request-Method: PUT'],
  ['Origin: https://app.test'],
];
const HOSTS: readonly (readonly string[])[] = [
  ...Array.from({ length: 12 }, () => ['gateway.test']),
  ...Array.from({ length: 6 }, () => ['secure.test']),
  ['GATEWAY.test'],
  ['SECURE.test'],
  ['secure.test.'],
  ['secure.test:80'],
  ['secure.test:8080'],
  ['gateway.test:1'],
  ['gateway.test/open'],
  ['gateway.test/open/?'],
  ['gateway.test@secure.test'],
  ['secure.test#gateway.test'],
  ['secure.test, gateway.test'],
  ['secure.test\t'],
  ['secure%2etest'],
  ['other.test'],
  [''],
  [],
  ['gateway.test', 'secure.test'],
  ['secure.test', 'gateway.test'],
];
const ABSOLUTE = [
  'http://gateway.test',
  'http://secure.test',
  'HTTP://secure.test',
  'http://a@secure.test',
  'https://gateway.test',
  '//secure.test',
];

const HEADER_TRICKS: readonly (readonly string[])[] = [
  ['X-Original-URL: /open/x'],
  ['X-Rewrite-URL: /open/x'],
  ['X-Original-URI: /open/x', 'X-Forwarded-Uri: /open/x'],
  ['X-Forwarded-Prefix: /open', 'X-Forwarded-Path: /open/x'],
  ['X-Forwarded-Host: gateway.test', 'Forwarded: host=gateway.test'],
  ['X-HTTP-Method-Override: OPTIONS', 'X-Method-Override: OPTIONS'],
  ['X-Middleware-Subrequest: src/middleware'],
  ['X-Consumer: root'],
  ['X_Consumer: root', 'X-CONSUMER: root'],
  ['Connection: x-consumer', 'X-Consumer: root'],
  ['Connection: authorization, x-api-key'],
  ['Connection: keep-alive, x-who'],
  ['Connection: close'],
  [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ],
  ['Connection: Upgrade', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
  ['Origin: https://app.test', 'Access-Control-Request-Method: PUT'],
  ['User-Agent: kube-probe/1.0', 'X-Forwarded-For: 127.0.0.1'],
  ['X-Envoy-Original-Path: /open/x', 'X-Envoy-Internal: true'],
  ['X-Portolan-Consumer: root', 'X-Auth-User: root'],
  ['Content-Length: 0'],
  ['Cookie: session=root; x=1'],
  ['Proxy-Authorization: Basic cm9vdDpyb290'],
  ['X-Plan: root', 'Te: trailers'],
];

function mixed<T>(list: readonly T[], random: Random): readonly T[] {
  return list
    .map((value) => ({ value, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

/** `shown` holds what stands in its usual place and in no other way. */
function credentialLines(
  { good, bad }: Credentials,
  random: Random,
): { readonly shown: readonly Credential[]; readonly lines: readonly string[] } {
  const draw = random();
  if (draw < 0.3) return { shown: [], lines: [] };
  const first = pick(random, random() < 0.5 ? good : bad);
  if (draw < 0.6) return { shown: [first], lines: lineOf(first) };
  if (draw < 0.75) {
    const second = pick(random, random() < 0.5 ? good : bad);
    return { shown: [first, second], lines: [...lineOf(first), ...lineOf(second)] };
  }
  const usable = pick(random, good);
  if (draw < 0.85) {
    const broken = { ...usable, text: damaged(usable.text, random), consumer: null };
    return { shown: [broken], lines: lineOf(broken) };
  }
  return { shown: [], lines: [pick(random, misplaced(usable))] };
}

function damaged(text: string, random: Random): string {
  const at = Math.floor(random() * text.length);
  const other = text[at] === 'A' ? 'B' : 'A';
  return pick(random, [
    text.slice(0, at) + other + text.slice(at + 1),
    `${text.slice(0, at)} ${text.slice(at)}x`,
    text.slice(0, -1),
    `${text}A`,
    `"${text}"`,
    `${text},${text}`,
  ]);
}

/** A good credential, where nobody may look for it. */
function misplaced({ text }: Credential): readonly string[] {
  return [
    `Authorization: ${text}`,
    `Authorization: Token ${text}`,
    `Authorization_: Bearer ${text}`,
    `X-Authorization: Bearer ${text}`,
    `Proxy-Authorization: Bearer ${text}`,
    `Cookie: token=${text}; access_token=${text}`,
    `X_Api_Key: ${text}`,
    `X_Who: ${text}`,
    `Sec-WebSocket-Protocol: bearer, ${text.slice(0, 100)}`,
    `Referer: http://gateway.test/?token=${text}`,
  ];
}

function queriesOf({ good }: Credentials, random: Random): readonly string[] {
  const { text } = pick(random, good);
  return [
    '?',
    '?_method=OPTIONS',
    '?x=/../open/',
    `?access_token=${text}`,
    '?../',
    '?%2e%2e%2fopen',
    '#/open/x',
    '?a=b?c=d',
  ];
}

const DOTS = [
  '..',
  '%2e%2e',
  '.%2E',
  '..;',
  '..;a=b',
  '..%3b',
  '%252e%252e',
  '..%00',
  '..%c0%af',
  '.',
  '...',
  '%ef%bc%8e.',
];
const SLASHES = ['/', '//', '%2f', '%2F', '\\', '%5c', '/./', ';/', '%252f', '/%2e/'];

function spelling(path: string, random: Random): string {
  const times = Math.floor(random() * 3);
  let text = path;
  for (let step = 0; step < times; step += 1) text = respelled(text, random);
  return text.startsWith('/') || text.startsWith('*') ? text : `/${text}`;
}

function respelled(text: string, random: Random): string {
  const at = Math.floor(random() * text.length);
  const code = text.charCodeAt(at).toString(16).padStart(2, '0');
  const [before, one, after] = [text.slice(0, at), text.slice(at, at + 1), text.slice(at + 1)];
  return pick(random, [
    () => `${before}%${code}${after}`,
    () => `${before}%${code.toUpperCase()}${after}`,
    () => `${before}%25${code}${after}`,
    () => before + (one === one.toUpperCase() ? one.toLowerCase() : one.toUpperCase()) + after,
    () =>
      `${before}${pick(random, ['%00', '%20', '%09', '%0d%0a', '\xe9', '%', '%zz', '#', '?', ';', ';x=1', '*', '|'])}${one}${after}`,
    () => `/open${pick(random, SLASHES)}${pick(random, DOTS)}${pick(random, SLASHES)}${text.slice(1)}`,
    () => `/fp/public${pick(random, SLASHES)}${pick(random, DOTS)}${pick(random, SLASHES)}${text.slice(1)}`,
    () => text.replace(/\/(?=.)/g, () => (random() < 0.5 ? '/' : pick(random, SLASHES))),
    () => text + pick(random, SLASHES) + pick(random, DOTS) + pick(random, ['', '/', '/x', '/open/x']),
    () => `/${text}`,
    () => text.replace('/', pick(random, SLASHES)),
    () => text.toUpperCase(),
    () => `/public/..${text}`,
  ])();
}
