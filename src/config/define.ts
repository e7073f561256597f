/** What routes.config.ts calls. Both return their argument: they exist for its type. */
import type { ConfigDefinition, RouteDefinition } from './definition.ts';

/** The default export of routes.config.ts. Must stay plain data: no functions, no class instances. */
export function defineConfig<const Upstream extends string = never, const Cluster extends string = never>(
  config: ConfigDefinition<Upstream, Cluster>,
): ConfigDefinition<Upstream, Cluster> {
  return config;
}

/**
 * One route, for files that hold routes apart from the configuration. Names of upstreams and clusters
 * are checked where the route is listed.
 */
export function defineRoute<const Upstream extends string = never, const Cluster extends string = never>(
  route: RouteDefinition<Upstream, Cluster>,
): RouteDefinition<Upstream, Cluster> {
  return route;
}
