/** Routes of one table, either as objects or packed into text and parsed when somebody asks for them. */
import type { CompiledRoute } from '../program/route-program.ts';

export interface RouteList {
  at(index: number): CompiledRoute;
}

export function plainRoutes(routes: readonly CompiledRoute[]): RouteList {
  return {
    at: (index) => {
      const route = routes[index];
      if (route === undefined) throw new Error(NO_ROUTE);
      return route;
    },
  };
}

const NO_ROUTE = 'A table was asked for a route that it does not have.';

/**
 * Parsed routes that stay: those parsed last, between this much text and twice as much in the whole
 * isolate. In characters, because a route may be large; a common one has about a thousand.
 */
const KEPT_CHARACTERS = 1_500_000;
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
 * share. Traffic asks for few of many routes: those stay parsed.
 */
export function packedRoutes(routes: readonly CompiledRoute[], pool: ShapePool): RouteList {
  const packed = routes.map((route) => pack(route, pool));
  // Two arrays of references: an object per route would weigh as much as many a leaf.
  const leaves = packed.map((each) => each.leaves);
  const shapes = packed.map(({ shape }) => shape);
  const slots: Slots = routes.map(() => null);
  return {
    at: (index) => slots[index] ?? parsed.keep(slots, index, unpack(leaves[index], shapes[index])),
  };
}

/** The parsed routes of one list by position; null: packed away. */
type Slots = (CompiledRoute | null)[];
type Generation = { readonly kept: { readonly slots: Slots; readonly index: number }[]; characters: number };

/** Two generations: when the young one is full, it becomes the old one and the routes of that are packed away. */
class ParsedRoutes {
  #young: Generation = { kept: [], characters: 0 };
  #old = this.#young;

  keep(slots: Slots, index: number, text: string): CompiledRoute {
    if (this.#young.characters >= KEPT_CHARACTERS) {
      for (const each of this.#old.kept) each.slots[each.index] = null;
      this.#old = this.#young;
      this.#young = { kept: [], characters: 0 };
    }
    // Written by JSON.stringify, from a route that was checked when the program was decoded.
    const route: CompiledRoute = JSON.parse(text);
    slots[index] = route;
    this.#young.kept.push({ slots, index });
    this.#young.characters += text.length;
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

function unpack(leaves: string | undefined, shape: readonly string[] | undefined): string {
  if (leaves === undefined || shape === undefined) throw new Error(NO_ROUTE);
  const own = leaves.split(SEPARATOR);
  let text = shape[0] ?? '';
  for (let hole = 1; hole < shape.length; hole += 1) {
    const leaf = own[hole - 1] ?? '';
    text += (leaf.startsWith(QUOTE) ? leaf : (own[Number(leaf)] ?? '')) + (shape[hole] ?? '');
  }
  return text;
}
