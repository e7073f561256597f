/** The floor: what workerd costs to proxy a request at all. */
export default { fetch: (request, env) => env.BACKEND.fetch(request) };
