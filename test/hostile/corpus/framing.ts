/** Rows 55–66, 69: where one request ends and the next begins, methods and versions. */
import { gatewayAnswers, reaches, request, shown, runtimeAnswers, type Expected, type HostileInput } from './input.ts';

const BROKEN = gatewayAnswers('400 request-body-broken');
const CODING = gatewayAnswers('501 transfer-coding-unsupported');
const REFUSED = runtimeAnswers(400);
const CHUNKED = '3\r\nabc\r\n0\r\n\r\n';
const SMUGGLED = 'GET /admin/smuggled HTTP/1.1\r\nHost: h.test\r\n\r\n';
const ABC = reaches('rest', 'POST /a', { body: 'abc' });
const EMPTY = reaches('rest', 'POST /a', { body: '' });

function posts(id: string, what: string, lines: readonly string[], body: string, expected: Expected): HostileInput {
  return { id, what, bytes: request('/a', { method: 'POST', lines, body }), expected };
}

function lengths(expected: Expected, list: Readonly<Record<string, string>>): readonly HostileInput[] {
  return Object.entries(list).map(([id, length]) =>
    posts(id, `Content-Length ${shown(length)}`, [`Content-Length:${length}`], 'abc', expected),
  );
}

function codings(expected: Expected, list: Readonly<Record<string, string>>): readonly HostileInput[] {
  return Object.entries(list).map(([id, coding]) =>
    posts(id, `Transfer-Encoding ${shown(coding)}`, [`Transfer-Encoding: ${coding}`], CHUNKED, expected),
  );
}

function chunks(expected: Expected, list: Readonly<Record<string, string>>): readonly HostileInput[] {
  return Object.entries(list).map(([id, body]) =>
    posts(id, `chunks ${shown(body)}`, ['Transfer-Encoding: chunked'], body, expected),
  );
}

function lines(expected: Expected, list: Readonly<Record<string, string>>): readonly HostileInput[] {
  return Object.entries(list).map(([id, line]) => ({
    id,
    what: `field line ${shown(line)}`,
    bytes: request('/a', { lines: [line] }),
    expected,
  }));
}

function methods(
  expected: (method: string) => Expected,
  list: Readonly<Record<string, string>>,
): readonly HostileInput[] {
  return Object.entries(list).map(([id, method]) => ({
    id,
    what: `method ${shown(method)}`,
    bytes: request('/a', { method }),
    expected: expected(method),
  }));
}

function starts(expected: Expected, list: Readonly<Record<string, string>>): readonly HostileInput[] {
  return Object.entries(list).map(([id, line]) => ({
    id,
    what: `request line ${shown(line)}`,
    bytes: `${line}\r\nHost: h.test\r\n\r\n`,
    expected,
  }));
}

export const FRAMING: readonly HostileInput[] = [
  posts(
    '55',
    'Content-Length and chunked: chunked counts, what follows is not read',
    ['Content-Length: 6', 'Transfer-Encoding: chunked'],
    `0\r\n\r\n${SMUGGLED}`,
    EMPTY,
  ),
  posts('55a', 'the other order', ['Transfer-Encoding: chunked', 'Content-Length: 6'], `0\r\n\r\n${SMUGGLED}`, EMPTY),
  posts(
    '55b',
    'Content-Length that covers the second request',
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    CHUNKED + SMUGGLED,
    ABC,
  ),
  posts('56', 'two different Content-Lengths', ['Content-Length: 3', 'Content-Length: 5'], `abcde${SMUGGLED}`, REFUSED),
  ...lengths(REFUSED, {
    '56a': ' +3',
    '56b': ' 0x3',
    '56c': ' -1',
    '56d': ' 3, 3',
    '56e': ' 3 3',
    '56f': '',
    '56g': ' 18446744073709551619',
    '56h': ' 3;',
    '56i': ' 3.0',
    '56j': ' \x0b3',
  }),
  ...lengths(ABC, { '56k': ' 3', '56l': ' 03', '56m': ' 3 ', '56n': '\t3' }),
  posts('56o', 'the same Content-Length twice', ['Content-Length: 3', 'Content-Length: 3'], 'abc', ABC),
  ...codings(REFUSED, {
    '57': 'chunked, identity',
    '57a': 'xchunked',
    '57b': '\x0bchunked',
    '57c': 'identity',
    '57d': 'chunked;q=1',
    '57e': '"chunked"',
    '57f': '',
    '57g': 'chunked,',
    '57h': 'gzip',
    '57i': 'chunked x',
  }),
  posts(
    '57j',
    'two lines of different codings',
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    CHUNKED,
    REFUSED,
  ),
  ...codings(ABC, { '57k': 'Chunked', '57l': ' chunked', '57m': 'chunked\t' }),
  ...codings(CODING, {
    '57n': 'chunked, chunked',
    '57o': ',chunked',
    '58': 'gzip, chunked',
    '58a': 'identity, chunked',
  }),
  posts('57p', 'chunked in two lines', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], CHUNKED, CODING),
  ...lines(REFUSED, {
    '59': 'Transfer-Encoding : chunked',
    '59a': 'X Y: 1',
    '59b': 'nocolon',
    '59c': 'X: a\r\n b',
    '59d': 'X: a\0b',
    '59e': ': v',
    '59f': 'X\0Y: 1',
    '59g': 'X(Y): 1',
    '59h': ' X: 1',
    '59i': 'X:\r\n\t1',
    '60': 'X: a\rb',
    '60a': 'X: a\r',
  }),
  ...lines(gatewayAnswers('400 header-invalid'), { '59j': 'X: a\x01b', '59k': 'X: a\x7fb', '59l': 'X: a\x1b[2J' }),
  {
    id: '60b',
    what: 'line feeds alone',
    bytes: 'GET /a HTTP/1.1\nHost: h.test\nX-B: 1\n\n',
    expected: reaches('rest', 'GET /a', { headers: { 'x-b': ['1'] } }),
  },
  {
    id: '60c',
    what: 'one line feed alone',
    bytes: 'GET /a HTTP/1.1\r\nHost: h.test\nX-B: 1\r\n\r\n',
    expected: reaches('rest', 'GET /a', { headers: { 'x-b': ['1'] } }),
  },
  {
    id: '60d',
    what: 'empty lines before the request',
    bytes: `\r\n\r\n${request('/a')}`,
    expected: reaches('rest', 'GET /a'),
  },
  ...chunks(ABC, {
    '61': '3;x=y\r\nabc\r\n0\r\n\r\n',
    '61a': '3 \r\nabc\r\n0\r\n\r\n',
    '61b': '3;"\r\nabc\r\n0\r\n\r\n',
    '61c': '0003\r\nabc\r\n00\r\n\r\n',
  }),
  ...chunks(BROKEN, {
    '61d': 'zz\r\nabc\r\n0\r\n\r\n',
    '61e': '3\nabc\n0\n\n',
    '61f': 'FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n',
    '61g': '3\r\nabcX\r\n0\r\n\r\n',
    '61h': '3;\nabc\r\n0\r\n\r\n',
    '61i': '-3\r\nabc\r\n0\r\n\r\n',
    '61j': '0x3\r\nabc\r\n0\r\n\r\n',
    '61k': '3\r\nabc\r\nzz\r\n',
    '61l': '\r\n3\r\nabc\r\n0\r\n\r\n',
  }),
  posts(
    '62',
    'trailers are dropped',
    ['Transfer-Encoding: chunked', 'Trailer: X-User'],
    '3\r\nabc\r\n0\r\nX-User: admin\r\n\r\n',
    reaches('rest', 'POST /a', { body: 'abc', without: ['x-user', 'trailer'] }),
  ),
  {
    id: '63',
    what: 'GET with a body',
    bytes: request('/a', { lines: ['Content-Length: 3'], body: 'abc' }),
    expected: reaches('rest', 'GET /a', { body: 'abc' }),
  },
  {
    id: '63a',
    what: 'GET with a chunked body',
    bytes: request('/a', { lines: ['Transfer-Encoding: chunked'], body: CHUNKED }),
    expected: gatewayAnswers('411 length-required'),
  },
  posts(
    '63b',
    'Expect: 100-continue',
    ['Expect: 100-continue', 'Content-Length: 3'],
    'abc',
    reaches('rest', 'POST /a', { body: 'abc', without: ['expect'] }),
  ),
  posts(
    '63c',
    'Expect: something else',
    ['Expect: 200-ok', 'Content-Length: 3'],
    'abc',
    reaches('rest', 'POST /a', { body: 'abc', without: ['expect'] }),
  ),
  posts(
    '63d',
    'a body that is a request',
    ['Content-Length: 51'.replace('51', String(SMUGGLED.length))],
    SMUGGLED,
    reaches('rest', 'POST /a', { body: SMUGGLED }),
  ),
  ...methods(() => gatewayAnswers('405 method-not-allowed'), { '64': 'TRACE' }),
  ...methods(() => runtimeAnswers(500), { '64a': 'CONNECT' }),
  {
    id: '64b',
    what: 'CONNECT in its own form',
    bytes: 'CONNECT h.test:80 HTTP/1.1\r\nHost: h.test:80\r\n\r\n',
    expected: runtimeAnswers(500),
  },
  ...methods(() => runtimeAnswers(501), { '64c': 'FOO', '64d': 'get', '64e': 'TRACK', '64f': 'PRI', '64g': 'DEBUG' }),
  ...methods(() => REFUSED, { '64h': 'GET/', '64i': 'G ET', '64j': 'GET\t', '64k': '"GET"' }),
  ...methods((method) => reaches('rest', `${method} /a`), {
    '64l': 'PROPFIND',
    '64m': 'QUERY',
    '64n': 'PATCH',
    '64o': 'DELETE',
    '64p': 'HEAD',
    '64q': 'PURGE',
  }),
  {
    id: '65',
    what: 'OPTIONS *',
    bytes: request('*', { method: 'OPTIONS' }),
    expected: { by: 'gateway', status: 204, code: '' },
  },
  {
    id: '65a',
    what: 'OPTIONS * with a path in Host',
    bytes: request('*', { method: 'OPTIONS', host: 'h.test/x' }),
    expected: gatewayAnswers('400 host-invalid'),
  },
  { id: '65b', what: 'GET *', bytes: request('*'), expected: gatewayAnswers('400 target-invalid') },
  ...starts(REFUSED, {
    '66': 'GET /a',
    '66a': 'GET /a HTTP/1.2',
    '66b': 'GET /a HTTP/2.0',
    '66c': 'GET /a http/1.1',
    '66d': 'GET  /a HTTP/1.1',
    '66e': 'GET /a HTTP/1.1 ',
    '66f': ' GET /a HTTP/1.1',
    '66g': 'GET /a HTTP/0.9',
    '66h': 'GET /a HTTP/1.10',
    '66i': 'GET /a HTTP/1.1 HTTP/1.1',
    '66j': 'GET /a\rHTTP/1.1',
  }),
  {
    id: '66k',
    what: 'the preface of HTTP/2',
    bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
    expected: runtimeAnswers(0),
  },
  { id: '66l', what: 'a TLS hello', bytes: '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', expected: REFUSED },
  {
    id: '66m',
    what: 'HTTP/1.0 with chunked',
    bytes: 'POST /a HTTP/1.0\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    expected: REFUSED,
  },
  { id: '69', what: 'a head that breaks off', bytes: 'GET /a HTTP/1.1\r\nHost: h.te', expected: runtimeAnswers(0) },
  posts('69a', 'a chunked body that breaks off', ['Transfer-Encoding: chunked'], '5\r\nab', BROKEN),
  posts(
    '69b',
    'a body shorter than its length',
    ['Content-Length: 10'],
    'abc',
    gatewayAnswers('503 upstream-unreachable'),
  ),
  ...['Transfer-Encoding: chunked', 'Content-Length: 10', 'Content-Length: 100000'].map((line, at) => ({
    id: `69${'cde'.charAt(at)}`,
    what: `a body that never ends, ${line}`,
    bytes: request('/quick', { method: 'POST', lines: [line], body: '5\r\nab' }),
    expected: gatewayAnswers('504 upstream-timeout'),
    holdMs: 5000,
  })),
];
