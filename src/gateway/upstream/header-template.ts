/**
 * Envoy's operators in header values (`%REQ(name)%`, `%PROTOCOL%`, …) and ours about the consumer;
 * docs/headers.md lists them. A value is taken apart once, when its route is loaded.
 */
import type { Consumer, RequestFacts } from '../../policies/contract.ts';

export type TemplateContext = {
  /** Authentication may take a credential out of its query. */
  facts: RequestFacts;
  /** For example `HTTP/1.1`. */
  readonly protocol: string;
  /** When the request arrived. */
  readonly startTime: Date;
  /** null while the request is on its way up. */
  readonly response: Response | null;
  /** Known once authentication has let the request pass; null: nobody asked. */
  consumer: Consumer | null;
};

export type HeaderTemplate = (context: TemplateContext) => string;

type Part = string | HeaderTemplate;

/** What Envoy writes for a value it does not have. */
const ABSENT = '-';

/** Never fails: an operator that is not known gives `-`, a lone `%` stands for itself. */
export function parseHeaderTemplate(value: string): HeaderTemplate {
  if (!value.includes('%')) return () => value;
  const parts: Part[] = [];
  for (const [token, operator] of value.matchAll(/%%|%([A-Z0-9_]+(?:\([^)]*\))?(?::\d+)?)%|[^%]+|%/g)) {
    if (token === '%%') parts.push('%');
    else parts.push(operator === undefined ? token : parseOperator(operator));
  }
  return (context) => {
    let text = '';
    for (const part of parts) text += typeof part === 'string' ? part : part(context);
    return text;
  };
}

function parseOperator(text: string): Part {
  const [, name = '', argument, length] = /^([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d+))?$/.exec(text) ?? [];
  const value = operatorValue(name, argument);
  if (value === null) return ABSENT;
  const limit = length === undefined ? Infinity : Number(length);
  return (context) => (value(context) ?? ABSENT).slice(0, limit);
}

function operatorValue(name: string, argument = ''): ((context: TemplateContext) => string | null) | null {
  switch (name) {
    case 'REQ':
      return (context) => firstOf(argument, (header) => requestValue(header, context.facts));
    case 'RESP':
      return ({ response }) => firstOf(argument, (header) => response?.headers.get(header) ?? null);
    case 'PROTOCOL':
      return ({ protocol }) => protocol;
    case 'START_TIME':
      // Formats of strftime are not carried over; the default is Envoy's.
      return argument === '' ? ({ startTime }) => startTime.toISOString() : null;
    case 'RESPONSE_CODE':
      return ({ response }) => (response === null ? null : String(response.status));
    case 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT':
      return ({ facts }) => facts.clientIp;
    case 'DOWNSTREAM_REMOTE_ADDRESS':
      // The client's port is not known behind a proxy; Envoy writes 0 then as well.
      return ({ facts }) => (facts.clientIp.includes(':') ? `[${facts.clientIp}]:0` : `${facts.clientIp}:0`);
    case 'CONSUMER_ID':
      return ({ consumer }) => headerText(consumer?.id);
    case 'CONSUMER_KIND':
      return ({ consumer }) => consumer?.kind ?? null;
    case 'CONSUMER_ISSUER':
      return ({ consumer }) => headerText(consumer?.issuer);
    case 'CONSUMER_PLAN':
      return ({ consumer }) => headerText(consumer?.plan);
    case 'CONSUMER_CLAIM':
      return ({ consumer }) => claimText(consumer, argument);
    default:
      return null;
  }
}

/** Text as it is; anything else as JSON. */
function claimText(consumer: Consumer | null, name: string): string | null {
  if (consumer === null || !Object.hasOwn(consumer.claims, name)) return null;
  const value = consumer.claims[name] ?? null;
  return value === null ? null : headerText(typeof value === 'string' ? value : JSON.stringify(value));
}

/** A name or a claim may hold anything; a header line may not: the rest is percent-encoded, the percent sign too. */
function headerText(value: string | null | undefined): string | null {
  if (value === null || value === undefined) return null;
  return value.toWellFormed().replaceAll(/[^\x20-\x7e]|%/gu, (character) => encodeURIComponent(character));
}

/** `NAME` or `NAME?ALTERNATIVE`. */
function firstOf(argument: string, read: (name: string) => string | null): string | null {
  for (const name of argument.split('?')) {
    // An empty name or one that is no token would make Headers throw.
    const value = /^:?[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) ? read(name.toLowerCase()) : null;
    if (value !== null) return value;
  }
  return null;
}

function requestValue(name: string, facts: RequestFacts): string | null {
  if (!name.startsWith(':')) return facts.headers.get(name);
  if (name === ':authority') return facts.authority;
  if (name === ':method') return facts.method;
  if (name === ':scheme') return facts.scheme;
  return name === ':path' ? pathAndQuery(facts) : null;
}

export function pathAndQuery({ path, query }: Pick<RequestFacts, 'path' | 'query'>): string {
  return query === null ? path : `${path}?${query}`;
}
