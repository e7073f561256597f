/**
 * What a gateway looks like that believes its runtime: routes by `new URL`, forwards the request as it
 * came. The corpus must find it out.
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
    return env[backend].fetch(new Request(`http://${url.host}${target}`, request));
  },
};

/** The configuration names it. */
export class RateLimitObject {
  fetch() {
    return new Response(null, { status: 404 });
  }
}
