/** What routes.config.ts calls. All return plain data; the first two exist for the type of their argument. */
import type { ConfigDefinition, RouteDefinition } from './definition.ts';

/** The default export of routes.config.ts. Must stay plain data: no functions, no class instances. */
export function defineConfig<
  const Upstream extends string = never,
  const Cluster extends string = never,
  const Method extends string = never,
>(config: ConfigDefinition<Upstream, Cluster, Method>): ConfigDefinition<Upstream, Cluster, Method> {
  return config;
}

/**
 * One route, for files that hold routes apart from the configuration. Names of upstreams, clusters and
 * ways to authenticate are checked where the route is listed.
 */
export function defineRoute<
  const Upstream extends string = never,
  const Cluster extends string = never,
  const Method extends string = never,
>(route: RouteDefinition<Upstream, Cluster, Method>): RouteDefinition<Upstream, Cluster, Method> {
  return route;
}

/**
 * A secret by the name of its variable, never by its value: the Worker's `SECRET_NAME`, which `serve` and
 * `dev` take from `PORTOLAN_SECRET_NAME` of their environment.
 */
export function env(name: string): { readonly env: string } {
  return { env: name };
}
