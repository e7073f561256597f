/**
 * What a gateway looks like that believes its runtime and its clients: routes by the URL's text, keeps
 * forwarding headers that are there. The corpus must find it out.
 */
const ROUTES = [
  ['/public', 'PUBLIC'],
  ['/admin', 'PROTECTED'],
  ['/api', 'API', '/'],
  ['/', 'REST'],
];

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const path = request.url.slice(request.url.indexOf('/', 8));
    const [prefix, backend, rewrite] = ROUTES.find(([start]) => path.startsWith(start)) ?? ROUTES[3];
    const target = rewrite === undefined ? path : rewrite + path.slice(prefix.length);
    const headers = new Headers(request.headers);
    for (const name of ['connection', 'upgrade', 'keep-alive']) headers.delete(name);
    if (!headers.has('x-forwarded-for')) headers.set('x-forwarded-for', request.cf.clientIp.split(':')[0]);
    if (!headers.has('x-forwarded-proto')) headers.set('x-forwarded-proto', 'http');
    if (!headers.has('x-forwarded-host')) headers.set('x-forwarded-host', url.host);
    if (!headers.has('x-request-id')) headers.set('x-request-id', crypto.randomUUID());
    return env[backend].fetch(new Request(new Request(`http://${url.host}${target}`, request), { headers }));
  },
};

/** The configuration names it. */
export class RateLimitObject {
  fetch() {
    return new Response(null, { status: 404 });
  }
}
