/** Routes of one table, either as objects or packed into JSON text and parsed when somebody asks for them. */
import type { CompiledRoute } from '../program/route-program.ts';

export interface RouteList {
  at(index: number): CompiledRoute;
}

export function plainRoutes(routes: readonly CompiledRoute[]): RouteList {
  return { at: (index) => expectRoute(routes[index]) };
}

/** Parsed routes that stay: recently used ones, between this number and twice as many. */
const KEPT = 1024;

/**
 * A parsed route costs about three times its text. Traffic asks for few of many routes, so those are
 * kept parsed in two generations: when the young one is full it becomes the old one.
 */
export function packedRoutes(routes: readonly CompiledRoute[]): RouteList {
  const texts = routes.map((route) => JSON.stringify(route));
  let young = new Map<number, CompiledRoute>();
  let old = new Map<number, CompiledRoute>();
  return {
    at(index) {
      const known = young.get(index);
      if (known !== undefined) return known;
      const route = old.get(index) ?? parseRoute(texts[index]);
      young.set(index, route);
      if (young.size >= KEPT) {
        old = young;
        young = new Map();
      }
      return route;
    },
  };
}

function parseRoute(text: string | undefined): CompiledRoute {
  // Written by JSON.stringify above, from routes that were checked when the program was decoded.
  const route: CompiledRoute | undefined = text === undefined ? undefined : JSON.parse(text);
  return expectRoute(route);
}

function expectRoute(route: CompiledRoute | undefined): CompiledRoute {
  if (route === undefined) throw new Error('A table was asked for a route that it does not have.');
  return route;
}
