/** Rows 31, 44–54, 67, 68: header fields that lie, repeat or belong to somebody else. */
import { gatewayAnswers, reaches, request, runtimeAnswers, type Expected, type HostileInput } from './input.ts';

const DUPLICATE = gatewayAnswers('400 duplicate-header');
const CONNECTION = gatewayAnswers('400 connection-header-invalid');
const NO_UPGRADE = gatewayAnswers('403 upgrade-not-allowed');
const TOO_LARGE = gatewayAnswers('431 headers-too-large');

type Names = readonly string[];
type Seen = Readonly<Record<string, readonly string[]>>;

function sends(id: string, what: string, lines: readonly string[], expected: Expected): HostileInput {
  return { id, what, bytes: request('/a', { lines }), expected };
}

function seen(headers: Seen, without: Names = []): Expected {
  return reaches('rest', 'GET /a', { headers, without });
}

/** The backend gets none of the names. */
function strips(id: string, what: string, lines: readonly string[], more: Seen = {}): HostileInput {
  const names = lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
  return sends(
    id,
    what,
    lines,
    seen(
      more,
      names.filter((name) => !(name in more)),
    ),
  );
}

const AWS4 =
  'AWS4-HMAC-SHA256 Credential=AK/20260101/us/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=0a1b';
const AWS4_TIGHT = AWS4.replaceAll(', ', ',');
const DIGEST = 'Digest username="a", realm="b, basic c", qop=auth, nc=00000001, response="0a"';
const WEBSOCKET = ['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw=='];
const RANGES = Array.from({ length: 500 }, (_, at) => `${at * 2}-${at * 2}`);
const OWN = { 'x-forwarded-for': ['127.0.0.1'], 'x-forwarded-host': ['h.test'], 'x-forwarded-proto': ['http'] };

export const HEADERS: readonly HostileInput[] = [
  sends(
    '31',
    '150 headers',
    Array.from({ length: 150 }, (_, at) => `x-h${at}: v`),
    TOO_LARGE,
  ),
  sends('31a', 'a header of 200 KB', [`x-big: ${'v'.repeat(200_000)}`], TOO_LARGE),
  sends(
    '31b',
    '90 headers',
    Array.from({ length: 90 }, (_, at) => `x-h${at}: v`),
    seen({ 'x-h89': ['v'] }),
  ),
  strips('44', 'other hosts and paths by header', [
    'Forwarded: for=6.6.6.6;host=evil.test',
    'X-Original-URL: /admin',
    'X-Rewrite-URL: /admin',
    'X-Host: evil.test',
    'X-Forwarded-Server: evil.test',
    'X-Forwarded-Port: 666',
    'X-Forwarded-Prefix: /admin',
    'X-Envoy-Original-Path: /admin',
  ]),
  sends('44a', 'X-Forwarded-Host', ['X-Forwarded-Host: evil.test', 'X-Forwarded-Host: evil2.test'], seen(OWN)),
  sends('45', 'X-Forwarded-For', ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 7.7.7.7'], seen(OWN)),
  strips('45a', 'other addresses by header', [
    'CF-Connecting-IP: 6.6.6.6',
    'CF-Ray: 6.6.6.6',
    'X-Real-IP: 6.6.6.6',
    'True-Client-IP: 6.6.6.6',
    'X-Client-IP: 6.6.6.6',
    'Client-IP: 6.6.6.6',
    'X-Cluster-Client-IP: 6.6.6.6',
    'Fastly-Client-IP: 6.6.6.6',
    'X-Envoy-External-Address: 6.6.6.6',
    'X-Envoy-Internal: true',
  ]),
  strips('46', 'a client certificate by header', [
    'X-Forwarded-Client-Cert: By=x;Hash=y',
    'x_forwarded_client_cert: By=x',
  ]),
  sends('47', 'X-Forwarded-Proto', ['X-Forwarded-Proto: https', 'X-Forwarded-Proto: http'], seen(OWN)),
  sends('47a', 'x-request-id of a client', ['X-Request-Id: spoof-6.6.6.6'], seen({})),
  sends(
    '48',
    'an underscore beside a dash',
    ['X_User_Id: 1', 'X-User-Id: 2'],
    seen({ 'x-user-id': ['2'] }, ['x_user_id']),
  ),
  strips('48a', 'forwarding headers with underscores', [
    'X_Forwarded_For: 6.6.6.6',
    'x-forwarded_for: 6.6.6.6',
    'content_length: 9',
  ]),
  {
    id: '49',
    what: 'a repeated header that a route asks for: joined values do not match',
    bytes: request('/role', { lines: ['X-Role: user', 'X-Role: admin'] }),
    expected: reaches('rest', 'GET /role', { headers: { 'x-role': ['user', 'admin'] } }),
  },
  {
    id: '49a',
    what: 'the value that the route asks for',
    bytes: request('/role', { lines: ['X-Role: admin'] }),
    expected: reaches('role', 'GET /role'),
  },
  sends('50', 'two Authorization', ['Authorization: Bearer a', 'Authorization: Bearer b'], DUPLICATE),
  sends('50a', 'the second of an unknown scheme', ['Authorization: Bearer a', 'Authorization: Custom b'], DUPLICATE),
  sends('50b', 'the second without a scheme', ['Authorization: Bearer a', 'Authorization: b'], DUPLICATE),
  sends('50c', 'the second after Digest', [`Authorization: ${DIGEST}`, 'Authorization: Basic YTpi'], DUPLICATE),
  sends('50d', 'the second is Digest', ['Authorization: Basic YTpi', `Authorization: ${DIGEST}`], DUPLICATE),
  sends('50e', 'a quotation mark in each', ['Authorization: Bearer a"', 'Authorization: Bearer b"'], DUPLICATE),
  sends('50f', 'one line with two credentials', ['Authorization: Bearer a, Bearer b'], DUPLICATE),
  sends('50g', 'Digest', [`Authorization: ${DIGEST}`], seen({ authorization: [DIGEST] })),
  sends('50h', 'AWS4', [`Authorization: ${AWS4}`], seen({ authorization: [AWS4] })),
  sends('50i', 'AWS4 without spaces', [`Authorization: ${AWS4_TIGHT}`], seen({ authorization: [AWS4_TIGHT] })),
  sends(
    '50j',
    'a quoted string over two lines: one value',
    ['Authorization: Digest a="b', 'Authorization: c"'],
    seen({ authorization: ['Digest a="b, c"'] }),
  ),
  sends('51', 'two Cookies', ['Cookie: a=1', 'Cookie: token=2'], seen({ cookie: ['a=1; token=2'] })),
  sends('51a', 'a cookie value with a comma', ['Cookie: a="1, 2"; b=1,2'], seen({ cookie: ['a="1, 2"; b=1,2'] })),
  sends('52', 'two Content-Types', ['Content-Type: text/plain', 'Content-Type: text/html'], DUPLICATE),
  sends('52a', 'the same Content-Type twice', ['Content-Type: text/plain', 'Content-Type: text/plain'], DUPLICATE),
  sends(
    '52b',
    'a comma in quotes',
    ['Content-Type: multipart/form-data; boundary="a,b"'],
    seen({ 'content-type': ['multipart/form-data; boundary="a,b"'] }),
  ),
  sends(
    '52c',
    'a quotation mark in each: one value',
    ['Content-Type: a/b; c="d', 'Content-Type: e/f; g="h'],
    seen({ 'content-type': ['a/b; c="d, e/f; g="h'] }),
  ),
  strips('53', 'Connection names a header', ['Connection: x-user', 'X-User: 1']),
  strips('53a', 'and another letter case, beside close', ['Connection: close, X-ROLE', 'x-role: admin']),
  sends('53b', 'Connection names credentials', ['Connection: authorization', 'Authorization: Bearer x'], CONNECTION),
  sends('53c', 'Connection names the client address', ['Connection: x-forwarded-for'], CONNECTION),
  sends('53d', 'Connection names Host', ['Connection: host'], CONNECTION),
  sends('53e', 'Connection names the framing', ['Connection: content-length'], CONNECTION),
  sends('53f', 'Connection names Cookie in a second line', ['Connection: close', 'Connection: Cookie'], CONNECTION),
  strips('53g', 'hop-by-hop headers', [
    'Keep-Alive: 5',
    'TE: trailers',
    'Proxy-Connection: close',
    'Proxy-Authorization: Basic YTpi',
    'Trailer: x',
  ]),
  strips('54', 'h2c', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__']),
  sends('54a', 'WebSocket where no route allows it', ['Connection: Upgrade', ...WEBSOCKET], NO_UPGRADE),
  sends('54b', 'Upgrade that Connection does not name', ['Upgrade: websocket'], NO_UPGRADE),
  {
    id: '54c',
    what: 'WebSocket where it is allowed and the backend refuses it',
    bytes: request('/ws', { lines: ['Connection: Upgrade', ...WEBSOCKET] }),
    expected: reaches('ws', 'GET /ws', { headers: { upgrade: ['websocket'], connection: ['Upgrade'] } }),
  },
  {
    id: '54d',
    what: 'h2c where WebSocket is allowed',
    bytes: request('/ws', { lines: ['Connection: Upgrade', 'Upgrade: h2c'] }),
    expected: reaches('ws', 'GET /ws', { without: ['upgrade', 'connection'] }),
  },
  {
    id: '54e',
    what: 'WebSocket of a version that does not exist: the runtime writes a handshake of its own',
    bytes: request('/ws', {
      lines: ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 777', 'Sec-WebSocket-Key: x'],
    }),
    expected: reaches('ws', 'GET /ws', { headers: { 'sec-websocket-version': ['13'] } }),
  },
  {
    id: '54f',
    what: 'WebSocket beside another protocol, where WebSocket is allowed',
    bytes: request('/ws', { lines: ['Connection: Upgrade', 'Upgrade: h2c, websocket'] }),
    expected: NO_UPGRADE,
  },
  sends('67', '500 ranges', [`Range: bytes=${RANGES.join(',')}`], seen({}, ['range'])),
  sends(
    '67a',
    '500 ranges in 5 lines',
    [0, 1, 2, 3, 4].map((at) => `Range: bytes=${RANGES.slice(at * 100, at * 100 + 100).join(',')}`),
    seen({}, ['range']),
  ),
  sends('67b', 'two ranges', ['Range: bytes=0-1,5-9'], seen({ range: ['bytes=0-1,5-9'] })),
  sends('68', 'bytes that are not UTF-8 pass as they came', ['X-V: \xff\xfe'], seen({ 'x-v': ['\xff\xfe'] })),
  sends('68a', 'UTF-8 passes as it came', ['X-V: caf\xc3\xa9'], seen({ 'x-v': ['caf\xc3\xa9'] })),
  sends('68b', 'such a byte in a name', ['X-\xe9: 1'], runtimeAnswers(400)),
];
