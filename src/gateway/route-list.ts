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
/** What a leaf begins with; anything else in a leaf's place is the position of an equal leaf before it. */
const QUOTE = '"';
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
export function packedRoutes(routes: readonly CompiledRoute[], pool: ShapePool): RouteList {
  const packed = routes.map((route) => pack(route, pool));
  // Two arrays of references: an object per route would weigh as much as many a leaf.
  const leaves = packed.map((each) => each.leaves);
  const shapes = packed.map(({ shape }) => shape);
  const firstKey = parsed.reserve(LARGEST_LIST);
  return {
    at(index) {
      const key = firstKey + index;
      const known = parsed.get(key);
      if (known !== undefined) return known;
      return parsed.keep(key, unpack(leaves[index], shapes[index]));
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

/** The shapes of tables that live and die together, each kept once: many small tables have the same few. */
export class ShapePool {
  readonly #shapes = new Map<string, readonly string[]>();

  get(text: string): readonly string[] {
    let shape = this.#shapes.get(text);
    if (shape === undefined) this.#shapes.set(text, (shape = text.split(HOLE)));
    return shape;
  }
}

type Packed = { readonly leaves: string; readonly shape: readonly string[] };

function pack(route: CompiledRoute, pool: ShapePool): Packed {
  // Names and paths come several times in one route.
  const positions = new Map<string, number>();
  const own: string[] = [];
  const shape = JSON.stringify(route).replaceAll(LEAF, (leaf) => {
    if (!DISTINCT.test(leaf)) return leaf;
    const before = positions.get(leaf);
    own.push(before === undefined ? leaf : String(before));
    if (before === undefined) positions.set(leaf, own.length - 1);
    return HOLE;
  });
  return { leaves: own.join(SEPARATOR), shape: pool.get(shape) };
}

function unpack(leaves: string | undefined, shape: readonly string[] | undefined): CompiledRoute {
  if (leaves === undefined || shape === undefined) return expectRoute(undefined);
  const own = leaves.split(SEPARATOR);
  let text = shape[0] ?? '';
  for (let hole = 1; hole < shape.length; hole += 1) {
    const leaf = own[hole - 1] ?? '';
    text += (leaf.startsWith(QUOTE) ? leaf : (own[Number(leaf)] ?? '')) + (shape[hole] ?? '');
  }
  // Written by JSON.stringify above, from a route that was checked when the program was decoded.
  const route: CompiledRoute = JSON.parse(text);
  return route;
}

function expectRoute(route: CompiledRoute | undefined): CompiledRoute {
  if (route === undefined) throw new Error('A table was asked for a route that it does not have.');
  return route;
}
