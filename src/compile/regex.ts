/**
 * User regexes: checked by RE2's own grammar, bounded in size, and given the engine that runs them.
 *
 * JavaScript's engine is the faster one but backtracks. It is used only for a pattern whose meaning
 * is the same in both dialects and whose running time is proven linear (regex-linear.ts); everything
 * else runs on re2js, which is linear by construction.
 */
import { RE2JS, RE2JSException } from 're2js';
import type { CompiledRegex } from '../program/route-program.ts';
import { isProvenLinear } from './regex-linear.ts';
import { toJavaScript } from './regex-source.ts';
import { isNullable, parseRegex, type RegexNode } from './regex-syntax.ts';

/** Ambassador's `regex_max_size`. Counted in re2js instructions, which can be fewer than those of the C++ library. */
export const DEFAULT_MAX_PROGRAM_SIZE = 200;
/** An oversized pattern up to this size is still compiled, so that a refusing route can hold its match. */
const HARD_MAX_PROGRAM_SIZE = 4096;

export type RegexOptions = {
  /** `true`: must match the whole text (matching). `false`: searched for (rewriting), groups captured. */
  readonly full: boolean;
  /** RE2 program size. Default 200. */
  readonly maxProgramSize?: number;
  /** As if the pattern began with `(?i)`. Default false. */
  readonly ignoreCase?: boolean;
};

export type RegexResult =
  | { readonly regex: CompiledRegex; readonly groupCount: number }
  | {
      /** One clause for a finding's message. */
      readonly error: string;
      /** What the pattern matches all the same, when it is only too large. */
      readonly oversized: CompiledRegex | null;
    };

export function compileRegex(pattern: string, options: RegexOptions): RegexResult {
  const ignoreCase = options.ignoreCase ?? false;
  const limit = options.maxProgramSize ?? DEFAULT_MAX_PROGRAM_SIZE;
  let size: number;
  let groupCount: number;
  try {
    const compiled = RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    size = compiled.programSize();
    groupCount = compiled.groupCount();
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return { error: `RE2 refuses the pattern: ${reasonOf(error)}`, oversized: null };
  }
  if (size > limit) {
    const oversized = size <= HARD_MAX_PROGRAM_SIZE ? chooseEngine(pattern, options.full, ignoreCase) : null;
    return {
      error: `the pattern compiles to ${size} instructions and the limit (regex_max_size) is ${limit}`,
      oversized,
    };
  }
  return { regex: chooseEngine(pattern, options.full, ignoreCase), groupCount };
}

function chooseEngine(pattern: string, full: boolean, ignoreCase: boolean): CompiledRegex {
  const parsed = parseRegex(pattern, ignoreCase);
  // Where a search may stop at an empty match, or a group sits inside a repeat, the dialects differ.
  const sameMeaning = parsed !== null && (full || (!isNullable(parsed.body) && !capturesInRepeat(parsed.body, false)));
  if (sameMeaning && isProvenLinear(parsed, full)) {
    return { engine: 'js', source: toJavaScript(parsed, full), flags: 'u' };
  }
  const re2 = { engine: 're2', source: ignoreCase ? `(?i)${pattern}` : pattern } as const;
  return full ? { ...re2, full: true } : re2;
}

function capturesInRepeat(node: RegexNode, repeated: boolean): boolean {
  switch (node.kind) {
    case 'set':
      return false;
    case 'sequence':
    case 'choice':
      return node.items.some((item) => capturesInRepeat(item, repeated));
    case 'group':
      return (repeated && node.capture) || capturesInRepeat(node.body, repeated);
    default:
      return capturesInRepeat(node.body, repeated || node.max !== 1);
  }
}

function reasonOf(error: Error): string {
  return error.message.replace(/^error parsing regexp: /, '');
}
