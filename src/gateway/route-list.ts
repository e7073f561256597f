/** Routes of one table, either as objects or packed into text and parsed when somebody asks for them. */
import type { CompiledRoute } from '../program/route-program.ts';

export interface RouteList {
  at(index: number): CompiledRoute;
}

export function plainRoutes(routes: readonly CompiledRoute[]): RouteList {
  return { at: (index) => expectRoute(routes[index]) };
}

/** Parsed routes that stay: recently used ones, between this number and twice as many in the whole isolate. */
const KEPT = 1024;
/** More routes than a table in one shard can hold. */
const LARGEST_LIST = 2 ** 24;
/** Stands in a shape where a leaf was; JSON text never holds it raw. */
const HOLE = '\u0001';
/** Separates leaves; JSON text never holds it raw either. */
const SEPARATOR = '\n';
/**
 * Strings in value position that tell routes apart: they hold a digit, `/` or `.`, or are long. What
 * is short and plain (`GET`, `prefix`, `binding`) is the same in thousands of routes and stays in the shape.
 */
const LEAF = /(?<=[:[,])"(?:[^"\\\n]|\\.)*"(?=[,\]}])/g;
const DISTINCT = /[\d/.]|.{14}/;

/**
 * A parsed route costs a good ten times what tells it apart from its neighbours. So each is kept as its
 * distinct strings and a reference to its shape, the JSON around them, which most routes of a table
 * share. Traffic asks for few of many routes: those are kept parsed.
 */
export function packedRoutes(routes: readonly CompiledRoute[]): RouteList {
  const shapes: string[][] = [];
  const { leaves, shapeOf } = pack(routes, shapes);
  const firstKey = parsed.reserve(LARGEST_LIST);
  return {
    at(index) {
      const key = firstKey + index;
      const known = parsed.get(key);
      if (known !== undefined) return known;
      return parsed.keep(key, unpack(leaves[index] ?? '', shapes[shapeOf[index] ?? 0] ?? []));
    },
  };
}

/** Two generations: when the young one is full it becomes the old one, whose unused routes are then gone. */
class ParsedRoutes {
  #young = new Map<number, CompiledRoute>();
  #old = new Map<number, CompiledRoute>();
  #nextKey = 0;

  /** The first of as many keys that nobody else has. */
  reserve(count: number): number {
    const first = this.#nextKey;
    this.#nextKey += count;
    return first;
  }

  get(key: number): CompiledRoute | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    return old === undefined ? undefined : this.keep(key, old);
  }

  keep(key: number, route: CompiledRoute): CompiledRoute {
    this.#young.set(key, route);
    if (this.#young.size >= KEPT) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    return route;
  }
}

/**
 * One for all tables: a bound per table would be none, because tables grow in number with the routes.
 * Routes of a program that was replaced leave it as others are asked for.
 */
const parsed = new ParsedRoutes();

type Packed = { readonly leaves: readonly string[]; readonly shapeOf: Int32Array };

function pack(routes: readonly CompiledRoute[], shapes: string[][]): Packed {
  const known = new Map<string, number>();
  const shapeOf = new Int32Array(routes.length);
  const leaves = routes.map((route, index) => {
    const own: string[] = [];
    const shape = JSON.stringify(route).replaceAll(LEAF, (leaf) => {
      if (!DISTINCT.test(leaf)) return leaf;
      own.push(leaf);
      return HOLE;
    });
    let id = known.get(shape);
    if (id === undefined) {
      id = shapes.push(shape.split(HOLE)) - 1;
      known.set(shape, id);
    }
    shapeOf[index] = id;
    return own.join(SEPARATOR);
  });
  return { leaves, shapeOf };
}

function unpack(leaves: string, shape: readonly string[]): CompiledRoute {
  const own = leaves.split(SEPARATOR);
  let text = shape[0] ?? '';
  for (let hole = 1; hole < shape.length; hole += 1) text += (own[hole - 1] ?? '') + (shape[hole] ?? '');
  // Written by JSON.stringify above, from a route that was checked when the program was decoded.
  const route: CompiledRoute = JSON.parse(text);
  return route;
}

function expectRoute(route: CompiledRoute | undefined): CompiledRoute {
  if (route === undefined) throw new Error('A table was asked for a route that it does not have.');
  return route;
}
