/** What the switches change: the rows again, under the gateway that has the switch. */
import { gatewayAnswers, reaches, request, targets, type HostileInput } from './input.ts';

const DOTS = gatewayAnswers('400 dot-segments-rejected');
const ADMIN = reaches('protected', 'GET /admin/x');
const OWN = { 'x-forwarded-for': ['6.6.6.6, 127.0.0.1'], 'x-forwarded-proto': ['https'] };

export const SWITCHES: readonly HostileInput[] = [
  ...targets(
    'normalised: the route is that of the result',
    ADMIN,
    {
      '4n': '/public/../admin/x',
      '4o': '/public/./../admin/x',
      '5n': '/public/%2e%2e/admin/x',
      '6n': '/public/%2E./admin/x',
      '10n': '/public\\..\\admin\\x',
      '11n': '/public/..;x=y/admin/x',
      '11o': '/public/..%3Bx=y/admin/x',
      '12n': '/.;/admin/x',
      '2n': '//admin//x',
      '2o': '/public/..//admin/x',
      '4p': '/../../admin/x',
    },
    'normalize',
  ),
  ...targets(
    'normalised: never above the root',
    reaches('rest', 'GET /'),
    { '4q': '/..', '4r': '/a/../..', '4s': '/./' },
    'normalize',
  ),
  ...targets(
    'normalised: escaped slashes are still refused',
    gatewayAnswers('400 escaped-slashes-rejected'),
    { '7n': '/public/..%2fadmin', '9n': '/a%5cb' },
    'normalize',
  ),
  ...targets(
    'normalised: rewriting is still checked',
    gatewayAnswers('400 rewrite-unsafe'),
    { '13n': '/api../admin', '13o': '/api..;x/admin' },
    'normalize',
  ),
  ...targets(
    'normalised: no authority',
    reaches('rest', 'GET /evil.test/a'),
    { '3n': '//evil.test/a', '3o': '/\\evil.test/a' },
    'normalize',
  ),
  ...targets('escaped slashes kept', reaches('rest', 'GET /a%2Fb'), { '8k': '/a%2fb', '8l': '/x/../a%2Fb' }, 'escaped'),
  ...targets(
    'escaped slashes kept: no dot segment beside one',
    DOTS,
    { '7k': '/public/..%2fadmin', '7l': '/public%2f..%2fadmin', '7m': '/a/%2e%2e%5cadmin', '9k': '/public/x%5c..' },
    'escaped',
  ),
  ...targets('escaped slashes kept: rewriting is still checked', DOTS, { '13k': '/api/..%2fadmin' }, 'escaped'),
  ...targets(
    'escaped slashes kept: dots cut out by the rewrite',
    gatewayAnswers('400 rewrite-unsafe'),
    { '13l': '/api..%2fadmin' },
    'escaped',
  ),
  ...targets('parameters kept', reaches('rest', 'GET /a/..;x=y/admin'), { '11k': '/a/..;x=y/admin' }, 'params'),
  ...targets('parameters kept: plain dot segments are still refused', DOTS, { '11l': '/a/../admin' }, 'params'),
  ...targets('collapsed after rewriting', reaches('api', 'GET /x'), { '13p': '/api/x', '13q': '/api//x' }, 'collapse'),
  {
    id: '48k',
    what: 'underscores rejected',
    gateway: 'collapse',
    bytes: request('/a', { lines: ['X_User: 1'] }),
    expected: gatewayAnswers('400 header-underscore-rejected'),
  },
  {
    id: '48l',
    what: 'underscores allowed: never beside ours',
    gateway: 'trusted',
    bytes: request('/a', { lines: ['X_User: 1', 'x_forwarded_for: 9.9.9.9', 'content_length: 3'] }),
    expected: reaches('rest', 'GET /a', {
      headers: { x_user: ['1'], 'x-forwarded-for': ['127.0.0.1'] },
      without: ['x_forwarded_for', 'content_length'],
    }),
  },
  {
    id: '45k',
    what: 'one trusted hop',
    gateway: 'trusted',
    bytes: request('/a', { lines: ['X-Forwarded-For: 1.1.1.1, 6.6.6.6', 'X-Forwarded-Proto: https'] }),
    expected: reaches('rest', 'GET /a', { headers: OWN }),
  },
  {
    id: '45l',
    what: 'one trusted hop, two lines',
    gateway: 'trusted',
    bytes: request('/a', {
      lines: ['X-Forwarded-For: 1.1.1.1', 'X-Forwarded-For: 6.6.6.6', 'X-Forwarded-Proto: https'],
    }),
    expected: reaches('rest', 'GET /a', { headers: OWN }),
  },
  {
    id: '47k',
    what: 'one trusted hop, a scheme that is a list',
    gateway: 'trusted',
    bytes: request('/a', { lines: ['X-Forwarded-Proto: https, http'] }),
    expected: reaches('rest', 'GET /a', { headers: { 'x-forwarded-proto': ['http'] } }),
  },
  {
    id: '46k',
    what: 'one trusted hop: certificates and our own names are still removed',
    gateway: 'trusted',
    bytes: request('/a', {
      lines: ['X-Forwarded-Client-Cert: By=x', 'X-Envoy-Internal: true', 'CF-Connecting-IP: 6.6.6.6'],
    }),
    expected: reaches('rest', 'GET /a', {
      without: ['x-forwarded-client-cert', 'x-envoy-internal', 'cf-connecting-ip'],
    }),
  },
  {
    id: '51k',
    what: 'Cookie lines kept as the runtime joins them',
    gateway: 'trusted',
    bytes: request('/a', { lines: ['Cookie: a=1', 'Cookie: b=2'] }),
    expected: reaches('rest', 'GET /a', { headers: { cookie: ['a=1, b=2'] } }),
  },
];
