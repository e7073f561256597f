/**
 * Lines of text: Common and Combined Log Format (nginx, Apache, with or without the virtual host in
 * front) and Envoy's default format, in its own, Ambassador's (`ACCESS` in front) and Istio's form.
 */
import { clientOf, said, type AccessEntry, type ReadOptions, type Unreadable } from './entry.ts';
import { parseLogTime } from './log-time.ts';

type Token = { readonly text: string; readonly kind: 'bare' | 'quoted' | 'bracketed' };

const NOTHING = {
  durationMs: null,
  host: null,
  consumer: null,
  apiKey: null,
  country: null,
  route: null,
  others: {},
} as const;

export function parseTextLine(line: string, options: ReadOptions): AccessEntry | Unreadable {
  const tokens = tokensOf(line);
  if (tokens === null) return { unreadable: 'a quote or bracket is not closed' };
  const isEnvoy = tokens[0]?.kind === 'bracketed' || tokens[0]?.text === 'ACCESS';
  return isEnvoy ? envoyEntry(tokens, options) : commonEntry(tokens, options);
}

/** Parted at spaces, but not within `"…"` (where `\"` is a quote) and `[…]`. null: one of them has no end. */
function tokensOf(line: string): readonly Token[] | null {
  const tokens: Token[] = [];
  let at = 0;
  while (at < line.length) {
    const first = line[at];
    if (first === ' ' || first === '\t') at += 1;
    else {
      const end = first === '"' ? quoteEnd(line, at + 1) : first === '[' ? line.indexOf(']', at) : spaceAfter(line, at);
      if (end < 0) return null;
      const isBare = first !== '"' && first !== '[';
      const text = line.slice(isBare ? at : at + 1, end);
      tokens.push({
        text: first === '"' ? text.replaceAll(/\\(["\\])/g, '$1') : text,
        kind: isBare ? 'bare' : first === '"' ? 'quoted' : 'bracketed',
      });
      at = isBare ? end : end + 1;
    }
  }
  return tokens;
}

function quoteEnd(line: string, from: number): number {
  for (let at = from; at < line.length; at += 1) {
    if (line[at] === '\\') at += 1;
    else if (line[at] === '"') return at;
  }
  return -1;
}

function spaceAfter(line: string, from: number): number {
  const end = line.indexOf(' ', from);
  return end < 0 ? line.length : end;
}

/** `[host:port] address ident user [time] "request" status bytes ["referer" "user agent" …]`. */
function commonEntry(tokens: readonly Token[], { trustedHops, wanted }: ReadOptions): AccessEntry | Unreadable {
  const timeAt = tokens.findIndex(({ kind }) => kind === 'bracketed');
  if (timeAt < 3) return { unreadable: 'it is neither JSON nor Common, Combined or Envoy log format' };
  const atMs = parseLogTime(tokens[timeAt]?.text ?? '');
  if (atMs === null) return { unreadable: 'its time cannot be read' };
  const request = requestOf(tokens[timeAt + 1]);
  if (request === null) return { unreadable: 'it holds no request line' };
  const texts = tokens.slice(0, timeAt).map(({ text }) => text);
  // A user's name may hold spaces; a virtual host in front has a port.
  const hasHost = texts.length > 3 && /^(?:[^\s,:[\]]+|\[[^\]]*\]):\d{1,5}$/.test(texts[0] ?? '');
  const [address, , ...user] = hasHost ? texts.slice(1) : texts;
  const [, , , referer, agent] = tokens.slice(timeAt + 1);
  return {
    ...NOTHING,
    ...request,
    atMs,
    address: clientOf(address ?? '', trustedHops),
    host: hasHost ? (texts[0] ?? null) : null,
    consumer: said(user.join(' ')),
    others: headersOf(wanted, { referer: referer?.text, 'user-agent': agent?.text }),
  };
}

/**
 * `[time] "request" status flags … received sent duration upstream-time "x-forwarded-for" "user agent"
 * "request id" "authority" "upstream" …`; Istio puts the reason of a failure, in quotes, before `received`.
 */
function envoyEntry(tokens: readonly Token[], { trustedHops, wanted }: ReadOptions): AccessEntry | Unreadable {
  const timeAt = tokens[0]?.kind === 'bracketed' ? 0 : 1;
  const atMs = parseLogTime(tokens[timeAt]?.kind === 'bracketed' ? (tokens[timeAt]?.text ?? '') : '');
  if (atMs === null) return { unreadable: 'its time cannot be read' };
  const request = requestOf(tokens[timeAt + 1]);
  if (request === null) return { unreadable: 'it holds no request line' };
  const rest = tokens.slice(timeAt + 2);
  const firstQuote = rest.findIndex(({ kind }) => kind === 'quoted');
  const isIstio = firstQuote >= 0 && firstQuote < 6;
  const quoteAt = isIstio ? rest.findIndex(({ kind }, index) => index > firstQuote && kind === 'quoted') : firstQuote;
  if (quoteAt < 4) return { unreadable: 'it is not the default format of Envoy' };
  const [forwarded, agent, id, authority] = rest.slice(quoteAt).map(({ text }) => text);
  const peer = isIstio ? rest[quoteAt + 8]?.text : undefined;
  return {
    ...NOTHING,
    ...request,
    atMs,
    durationMs: wholeMs(rest[quoteAt - 2]?.text),
    address: clientOf(said(forwarded) ?? said(peer) ?? '', trustedHops),
    host: said(authority),
    others: headersOf(wanted, { 'x-forwarded-for': forwarded, 'user-agent': agent, 'x-request-id': id }),
  };
}

/** `GET /path HTTP/1.1`. null: what came was no request (`-`, bytes of TLS). */
function requestOf(token: Token | undefined): { readonly method: string; readonly target: string } | null {
  if (token?.kind !== 'quoted') return null;
  return parseRequestLine(token.text);
}

export function parseRequestLine(text: string): { readonly method: string; readonly target: string } | null {
  const [, method, target] = /^([A-Z][A-Z-]{0,31}) ([^ ]+)(?: HTTP\/\d(?:\.\d)?)?$/.exec(text) ?? [];
  return method === undefined || target === undefined ? null : { method, target };
}

function wholeMs(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function headersOf(
  wanted: readonly string[],
  headers: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, text] of Object.entries(headers)) {
    const value = said(text);
    if (value !== null && wanted.includes(`header:${name}`)) found[`header:${name}`] = value;
  }
  return found;
}
