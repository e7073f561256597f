/**
 * Whom a limit counts, as the subject of its counter: one text per part of the key, joined by `/`.
 *
 * Each text begins with a letter for the kind of the part and, where parts of one kind differ by name,
 * the name; values are percent-encoded. So no value can be read as another part, and what stands for a
 * missing part (the client address, marked as one) is nobody else's key. See docs/policies/rate-limit.md.
 */
import { GatewayError } from '../../diagnostics/errors.ts';
import { sha256 } from '../../model/sha256.ts';
import type { CompiledKeyPart, CompiledLimit } from './compiled.ts';
import { partValue, type LimitedRequest, type PartValue } from './key-parts.ts';

/** Bytes of UTF-8; longer values are replaced by their digest, because clients choose them. */
const MAX_VALUE_BYTES = 256;

const ADDRESS: CompiledKeyPart = { from: 'address' };
const ADDRESS_KEY: readonly CompiledKeyPart[] = [ADDRESS];

const LETTERS: Readonly<Record<CompiledKeyPart['from'], string>> = {
  address: 'a',
  'api-key': 'k',
  consumer: 'u',
  claim: 'j',
  header: 'h',
  cookie: 'c',
  query: 'q',
  country: 'g',
  method: 'm',
  route: 'r',
  authority: 'o',
  path: 'p',
  constant: 's',
};

/**
 * null: the limit does not count this request (`missing: skip`). A promise only where a long value must be
 * hashed. A GatewayError 400 `rate-limit-key-missing` is returned, not thrown, for whoever only explains.
 */
export function subjectOfRequest(
  { key = ADDRESS_KEY, missing = 'address' }: Pick<CompiledLimit, 'key' | 'missing'>,
  request: LimitedRequest,
): string | Promise<string> | GatewayError | null {
  let subject: string | Promise<string> = '';
  for (const part of key) {
    const value = partValue(part, request);
    if (value === null && missing === 'skip') return null;
    if (value === null && missing === 'refuse') return keyMissing(part);
    const text = value === null ? address(request) : subjectPart(part, value, request);
    subject = subject === '' ? text : joined(subject, text);
  }
  return subject;
}

function joined(before: string | Promise<string>, text: string | Promise<string>): string | Promise<string> {
  if (typeof before === 'string' && typeof text === 'string') return `${before}/${text}`;
  return Promise.all([before, text]).then((both) => both.join('/'));
}

function address(request: LimitedRequest): string | Promise<string> {
  const value = partValue(ADDRESS, request);
  if (value === null) throw new Error('Every request has an address.');
  return subjectPart(ADDRESS, value, request);
}

function subjectPart(part: CompiledKeyPart, value: PartValue, request: LimitedRequest): string | Promise<string> {
  const prefix = `${LETTERS[part.from]}:${qualifier(part, value, request)}`;
  const text = encodeValue(value.text);
  return typeof text === 'string' ? prefix + text : text.then((hashed) => prefix + hashed);
}

/** What tells parts of one kind apart, with `=` at its end. */
function qualifier(part: CompiledKeyPart, { isJson }: PartValue, { consumer }: LimitedRequest): string {
  switch (part.from) {
    case 'header':
    case 'cookie':
    case 'query':
      return `${encode(part.name)}=`;
    case 'claim':
      return `${part.path.map(encode).join(',')}${isJson === true ? ':json' : ''}=`;
    case 'consumer': {
      const { kind = '', issuer = null } = consumer ?? {};
      return issuer === null ? `${kind}=` : `${kind},${encode(issuer)}=`;
    }
    default:
      return '';
  }
}

/** No encoded value has a colon, so none can pass for a digest. */
function encodeValue(text: string): string | Promise<string> {
  if (text.length * 3 <= MAX_VALUE_BYTES) return encode(text);
  if (new TextEncoder().encode(text).byteLength <= MAX_VALUE_BYTES) return encode(text);
  return sha256(text).then((digest) => `sha256:${digest}`);
}

function encode(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text;
  return encodeURIComponent(text.toWellFormed());
}

function keyMissing(part: CompiledKeyPart): GatewayError {
  const name = 'name' in part ? ` ${part.name}` : part.from === 'claim' ? ` ${part.path.join('.')}` : '';
  return new GatewayError(
    400,
    'rate-limit-key-missing',
    `This route counts requests by ${part.from}${name}, and the request has none.`,
  );
}
