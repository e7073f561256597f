/**
 * The proof in regex-linear.ts against an engine that counts: a plain backtracking matcher over the
 * same syntax tree, which takes the steps a JavaScript engine would take at most.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isProvenLinear } from '../../src/compile/regex-linear.ts';
import { parseRegex, type RegexNode } from '../../src/compile/regex-syntax.ts';
import { regexPattern } from './regex-arbitrary.ts';

const STEP_LIMIT = 2_000_000;
type Continue = (at: number) => boolean;

function countSteps(node: RegexNode, text: string): number {
  const points = Array.from(text, (char) => char.codePointAt(0) ?? 0);
  let steps = 0;
  const run = (current: RegexNode, at: number, next: Continue): boolean => {
    steps += 1;
    if (steps > STEP_LIMIT) return true;
    switch (current.kind) {
      case 'set': {
        const point = points[at];
        return point !== undefined && current.set.some(([low, high]) => low <= point && point <= high) && next(at + 1);
      }
      case 'sequence': {
        const walk = (index: number, position: number): boolean => {
          const item = current.items[index];
          return item === undefined ? next(position) : run(item, position, (end) => walk(index + 1, end));
        };
        return walk(0, at);
      }
      case 'choice':
        return current.items.some((item) => run(item, at, next));
      case 'group':
        return run(current.body, at, next);
      default: {
        const again = (times: number, position: number): boolean => {
          const more = (): boolean =>
            (current.max === null || times < current.max) &&
            run(current.body, position, (end) => again(times + 1, end));
          if (times < current.min) return more();
          return current.lazy ? next(position) || more() : more() || next(position);
        };
        return again(0, at);
      }
    }
  };
  run(node, 0, (end) => end === points.length);
  return steps;
}

const unit = fc.constantFrom('a', 'k', '1', '/', 'ab', '-', 'é', 'a/', '_', 'aab');
const ending = fc.constantFrom('', '\n', '!', 'a!', '/\n');

describe('isProvenLinear', () => {
  it('is right about every pattern it accepts', () => {
    let accepted = 0;
    fc.assert(
      fc.property(regexPattern, unit, ending, (source, repeated, end) => {
        const parsed = parseRegex(source, false);
        if (parsed === null || !isProvenLinear(parsed, true)) return;
        accepted += 1;
        const short = countSteps(parsed.body, repeated.repeat(40) + end);
        const long = countSteps(parsed.body, repeated.repeat(160) + end);
        // Four times the text: four times the steps and a constant, not sixteen times.
        expect([source, long <= 5 * short + 5000]).toEqual([source, true]);
      }),
      { numRuns: 4000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it('the counting engine does see what the proof rules out', () => {
    for (const [source, text] of [
      ['(a+)+b', 'a'],
      ['.*a.*b.*c', 'a'],
      ['(a|a)*b', 'a'],
      ['(a|ab|b)*c', 'ab'],
      ['(?:(?:a?|b?)c)*d', 'c'],
    ] as const) {
      const parsed = parseRegex(source, false);
      if (parsed === null) throw new Error(`${source} should parse`);
      expect(isProvenLinear(parsed, true)).toBe(false);
      const short = countSteps(parsed.body, text.repeat(40));
      expect([source, countSteps(parsed.body, text.repeat(160)) > 5 * short + 5000 || short > STEP_LIMIT]).toEqual([
        source,
        true,
      ]);
    }
  });

  it('does not accept an unanchored search over an unbounded repeat', () => {
    const parsed = parseRegex('a+b', false);
    if (parsed === null) throw new Error('should parse');
    expect(isProvenLinear(parsed, true)).toBe(true);
    expect(isProvenLinear(parsed, false)).toBe(false);
  });
});
