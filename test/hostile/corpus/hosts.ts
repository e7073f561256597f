/** Rows 32–43: who the request says it is for. */
import { gatewayAnswers, reaches, request, shown, runtimeAnswers, type Expected, type HostileInput } from './input.ts';

const INVALID = gatewayAnswers('400 host-invalid');
const NO_ROUTE = gatewayAnswers('404 no-route');

function hosts(what: string, expected: Expected, list: Readonly<Record<string, string>>): readonly HostileInput[] {
  return Object.entries(list).map(([id, host]) => ({
    id,
    what: `${what}: ${shown(host)}`,
    bytes: request('/public/x', { host }),
    expected,
  }));
}

function seenAs(host: string): Expected {
  return reaches('public', 'GET /public/x', { host });
}

/** Of a target in absolute form the runtime shows the path and the Host header's host. */
function absolute(id: string, what: string, target: string, expected: Expected, host = 'h.test'): HostileInput {
  return { id, what, bytes: request(target, { host }), expected };
}

export const HOSTS: readonly HostileInput[] = [
  ...hosts('spellings of one host', seenAs('h.test'), {
    '32': 'H.TEST',
    '32a': 'h.test.',
    '32b': 'h.test:80',
    '32c': 'h.test.:80',
    '32d': 'h.test\t',
    '32e': '  h.test  ',
  }),
  ...hosts('with a port', seenAs('h.test:8080'), { '32f': 'h.test:8080', '32g': 'H.test.:8080' }),
  ...hosts('userinfo', INVALID, {
    '33': 'evil@h.test',
    '33a': 'h.test@evil',
    '33b': 'u:p@h',
    '33c': '@h.test',
    '34': 'evil:80@h.test',
    '34a': 'h.test:80@evil',
  }),
  ...hosts('a path in Host', INVALID, {
    '35': 'h.test/x',
    '35a': 'h.test/',
    '35b': 'h.test/admin',
    '35c': 'h.test/admin?',
    '36': 'h.test/admin/..',
    '36a': 'h.test/..;/admin',
    '37': 'h.test?x=1',
    '37a': 'h.test#x',
    '38': 'h.test\\x',
    '38a': 'h.test\\admin',
  }),
  ...hosts('no name and no address', INVALID, {
    '39': '0x7f.1',
    '39a': 'h%2etest',
    '39b': 'a,b',
    '39c': 'h\xc3\xa9.test',
    '39d': 'h.test,other.test',
    '39e': 'h..test',
    '39f': '.h.test',
    '39g': 'h.test..',
    '39h': '127.1',
    '39i': '0177.0.0.1',
    '39j': '2130706433',
    '39k': '[::1',
    '39l': '[::1%25eth0]',
    '39m': '[h.test]',
    '39n': 'h.test;x',
    '39o': '*',
    '39p': '-h.test',
    '39q': `${'a'.repeat(64)}.test`,
    '39r': `${'a.'.repeat(127)}test`,
  }),
  ...hosts('names and addresses that nobody serves', NO_ROUTE, {
    '39t': '127.0.0.1',
    '39u': '[::1]:80',
    '39v': 'evil.test',
  }),
  ...hosts('a port that is none', INVALID, {
    '40': 'h.test:99999',
    '40a': 'h.test:80x',
    '40b': 'h .test',
    '40c': 'h.test:',
    '40d': 'h.test:0',
    '40e': 'h.test:+80',
    '40f': 'h.test:080',
    '40g': 'h.test:80:80',
    '40h': 'h.test: 80',
  }),
  ...hosts('bytes that are not UTF-8', runtimeAnswers(400), { '39s': 'h.t\xadest' }),
  { id: '41', what: 'no Host', bytes: request('/public/x', { host: null }), expected: runtimeAnswers(400) },
  { id: '41a', what: 'an empty Host', bytes: request('/public/x', { host: '' }), expected: runtimeAnswers(400) },
  { id: '41b', what: 'HTTP/1.0 without Host', bytes: 'GET /public/x HTTP/1.0\r\n\r\n', expected: runtimeAnswers(400) },
  {
    id: '41c',
    what: 'HTTP/1.0 with Host',
    bytes: 'GET /public/x HTTP/1.0\r\nHost: h.test\r\n\r\n',
    expected: seenAs('h.test'),
  },
  {
    id: '42',
    what: 'two Hosts',
    bytes: request('/public/x', { lines: ['Host: other.test'] }),
    expected: INVALID,
  },
  {
    id: '42a',
    what: 'the same Host twice',
    bytes: request('/public/x', { lines: ['host: h.test'] }),
    expected: INVALID,
  },
  {
    id: '42b',
    what: 'a folded Host',
    bytes: request('/public/x', { lines: [' .evil'] }),
    expected: runtimeAnswers(400),
  },
  absolute(
    '43',
    'absolute form, another host: the Host header counts',
    'http://other.test/a',
    reaches('rest', 'GET /a'),
  ),
  absolute(
    '43a',
    'absolute form of the protected path, Host of another: the Host header counts',
    'http://h.test/admin',
    reaches('other', 'GET /admin', { host: 'other.test' }),
    'other.test',
  ),
  absolute('43b', 'absolute form, https: the connection counts', 'https://h.test/public/x', seenAs('h.test')),
  absolute('43c', 'absolute form, userinfo', 'http://u:p@h.test/public/x', seenAs('h.test')),
  absolute(
    '43d',
    'absolute form, dot segments',
    'http://h.test/public/../admin',
    gatewayAnswers('400 dot-segments-rejected'),
  ),
  absolute('43e', 'absolute form without a path', 'http://h.test', reaches('rest', 'GET /')),
  absolute('43f', 'absolute form, other scheme', 'ftp://h.test/public/x', seenAs('h.test')),
  absolute('43g', 'authority form, whose path is /', 'admin', reaches('rest', 'GET /')),
  absolute('43h', 'no form at all', 'h.test:80/admin', runtimeAnswers(400)),
  absolute('43i', 'no slash', '?x', runtimeAnswers(400)),
  absolute('43j', 'absolute form without a host', 'http:///admin', runtimeAnswers(400)),
  absolute('43k', 'absolute form, one slash', 'http:/admin', runtimeAnswers(400)),
  {
    id: '43l',
    what: 'absolute form without Host',
    bytes: request('http://h.test/admin', { host: null }),
    expected: runtimeAnswers(400),
  },
];
