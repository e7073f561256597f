/**
 * Proof that a backtracking engine needs at most a constant amount of work per character.
 *
 * Three sufficient conditions, tried in order. A pattern that meets none may still be harmless; it
 * runs on re2, which is linear by construction.
 *
 * 1. **Deterministic.** In the position automaton of the pattern (Glushkov), the characters that can
 *    follow any position lead to different next positions, each along one path only. At every
 *    character at most one choice survives, so whatever the engine left on its stack fails at once
 *    when it comes back. Counting paths, not just positions, is what rules out `(a+)+`.
 * 2. **Finite.** No unbounded repeat, and few ways through: constant work per starting point.
 * 3. **One scan.** `before X* after` with one class X, where `before` is deterministic up to whatever
 *    X* or `after` may begin with, or finite, and `after` is finite: the engine can only choose where
 *    X* ends, at most once per character, and each choice costs a constant.
 *
 * 1 and 3 hold for a match that begins at one place. A search tries every place, so there only 2
 * counts unless the pattern is anchored at its start.
 */
import { areDisjoint, type CodePoints, union } from './code-points.ts';
import type { ParsedRegex, RegexNode } from './regex-syntax.ts';
import { isNullable } from './regex-syntax.ts';

/** Expanded counted repeats are large; beyond this re2 takes over. */
const MAX_POSITIONS = 400;
const MAX_PATHS = 64;

export function isProvenLinear(regex: ParsedRegex, full: boolean): boolean {
  if (isFinite(regex.body)) return true;
  if (!full && !regex.startAnchor) return false;
  return isDeterministic(regex.body) || isOneScan(regex.body);
}

function isFinite(node: RegexNode): boolean {
  return countPaths(node) <= MAX_PATHS;
}

/** Ways through the node that a backtracking engine may try; Infinity with an unbounded repeat. */
function countPaths(node: RegexNode): number {
  switch (node.kind) {
    case 'set':
      return 1;
    case 'sequence':
      return node.items.reduce((paths, item) => paths * countPaths(item), 1);
    case 'choice':
      return node.items.reduce((paths, item) => paths + countPaths(item), 0);
    case 'group':
      return countPaths(node.body);
    default: {
      if (node.max === null) return Infinity;
      const once = countPaths(node.body);
      let paths = 0;
      for (let times = node.min; times <= node.max && paths <= MAX_PATHS; times += 1) paths += once ** times;
      return paths;
    }
  }
}

function isOneScan(node: RegexNode): boolean {
  const items = node.kind === 'sequence' ? node.items : [node];
  for (const [index, item] of items.entries()) {
    if (item.kind !== 'repeat' || item.max !== null || item.body.kind !== 'set') continue;
    const before: RegexNode = { kind: 'sequence', items: items.slice(0, index) };
    const after: RegexNode = { kind: 'sequence', items: items.slice(index + 1) };
    if (!isFinite(after)) continue;
    if (isFinite(before)) return true;
    const whatFollows = union(item.body.set, firstOf(after));
    const scan: RegexNode = { ...item, body: { kind: 'set', set: whatFollows } };
    if (isDeterministic({ kind: 'sequence', items: [before, scan] })) return true;
  }
  return false;
}

function firstOf(node: RegexNode): CodePoints {
  const automaton: Automaton = { sets: [], follow: [] };
  const part = build(node, automaton);
  return part === null ? [[0, 0x10ffff]] : union(...part.first.map((position) => automaton.sets[position] ?? []));
}

type Automaton = { readonly sets: CodePoints[]; readonly follow: number[][] };
type Part = { readonly first: readonly number[]; readonly last: readonly number[]; readonly nullable: boolean };

const EMPTY: Part = { first: [], last: [], nullable: true };

function isDeterministic(node: RegexNode): boolean {
  const automaton: Automaton = { sets: [], follow: [] };
  const whole = build(node, automaton);
  if (whole === null) return false;
  return arePairwiseDisjoint(whole.first, automaton);
}

/** null: not deterministic, or too large to tell. */
function build(node: RegexNode, automaton: Automaton): Part | null {
  switch (node.kind) {
    case 'set': {
      if (automaton.sets.length >= MAX_POSITIONS) return null;
      const position = automaton.sets.push(node.set) - 1;
      automaton.follow.push([]);
      return { first: [position], last: [position], nullable: false };
    }
    case 'group':
      return build(node.body, automaton);
    case 'sequence':
      return node.items.reduce<Part | null>(
        (left, item) => (left === null ? null : concatenate(left, build(item, automaton), automaton)),
        EMPTY,
      );
    case 'choice':
      return buildChoice(node.items, automaton);
    default:
      return buildRepeat(node, automaton);
  }
}

function buildChoice(items: readonly RegexNode[], automaton: Automaton): Part | null {
  // Two ways to match nothing would be two paths to whatever comes next.
  if (items.filter(isNullable).length > 1) return null;
  const parts = items.map((item) => build(item, automaton));
  if (parts.some((part) => part === null)) return null;
  const whole = parts.filter((part) => part !== null);
  return {
    first: whole.flatMap((part) => part.first),
    last: whole.flatMap((part) => part.last),
    nullable: whole.some((part) => part.nullable),
  };
}

/** `x{2,4}` becomes `xx(x(x)?)?`, which is how an engine walks it; the body is never nullable. */
function buildRepeat(node: RegexNode & { kind: 'repeat' }, automaton: Automaton): Part | null {
  if (node.max === null) {
    const copies: RegexNode[] = Array.from({ length: Math.max(0, node.min - 1) }, () => node.body);
    const head = build({ kind: 'sequence', items: copies }, automaton);
    const loop = build(node.body, automaton);
    if (head === null || loop === null || !link(loop.last, loop.first, automaton)) return null;
    return concatenate(head, { ...loop, nullable: node.min === 0 }, automaton);
  }
  let tail: Part | null = EMPTY;
  for (let times = node.max; times > 0 && tail !== null; times -= 1) {
    const once = concatenate(build(node.body, automaton), tail, automaton);
    tail = once === null ? null : { ...once, nullable: times > node.min };
  }
  return tail;
}

function concatenate(left: Part | null, right: Part | null, automaton: Automaton): Part | null {
  if (left === null || right === null || !link(left.last, right.first, automaton)) return null;
  return {
    first: left.nullable ? [...left.first, ...right.first] : left.first,
    last: right.nullable ? [...left.last, ...right.last] : right.last,
    nullable: left.nullable && right.nullable,
  };
}

/** Adds the edges; false when a character could then take two of them. */
function link(from: readonly number[], to: readonly number[], automaton: Automaton): boolean {
  for (const position of from) {
    const follow = automaton.follow[position] ?? [];
    for (const next of to) {
      const set = automaton.sets[next] ?? [];
      if (follow.some((other) => !areDisjoint(automaton.sets[other] ?? [], set))) return false;
      follow.push(next);
    }
  }
  return true;
}

function arePairwiseDisjoint(positions: readonly number[], automaton: Automaton): boolean {
  return positions.every((a, index) =>
    positions.slice(index + 1).every((b) => areDisjoint(automaton.sets[a] ?? [], automaton.sets[b] ?? [])),
  );
}
