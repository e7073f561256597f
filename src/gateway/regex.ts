/** Runs compiled user regexes. The compiler chose the engine; both have RE2's meaning and linear time. */
import { RE2JS } from 're2js';
import type { CompiledRegex } from '../program/route-program.ts';

interface Engine {
  test(text: string): boolean;
  /** Calls back for every match that RE2 would replace, left to right; `groups[0]` is the whole match. */
  each(text: string, visit: (start: number, end: number, groups: readonly (string | undefined)[]) => void): void;
}

/** Compiled when first used: an isolate never pays for regexes of routes that nobody asks for. */
const engines = new WeakMap<CompiledRegex, Engine>();

/** A regex of a match: the whole text, by its anchors (`js`) or by `full` (`re2`). */
export function regexMatches(regex: CompiledRegex, text: string): boolean {
  return engineOf(regex).test(text);
}

/** RE2's GlobalReplace: `\0` is the whole match, `\1`–`\9` are groups, `\\` is a backslash. */
export function regexReplaceAll(regex: CompiledRegex, text: string, substitution: string): string {
  let result = '';
  let copied = 0;
  engineOf(regex).each(text, (start, end, groups) => {
    result += text.slice(copied, start) + expand(substitution, groups);
    copied = end;
  });
  return result + text.slice(copied);
}

function expand(substitution: string, groups: readonly (string | undefined)[]): string {
  if (!substitution.includes('\\')) return substitution;
  return substitution.replaceAll(/\\([\d\\])/g, (_, char: string) =>
    char === '\\' ? '\\' : (groups[Number(char)] ?? ''),
  );
}

function engineOf(regex: CompiledRegex): Engine {
  let engine = engines.get(regex);
  if (engine === undefined) {
    engine = regex.engine === 'js' ? jsEngine(regex) : re2Engine(regex);
    engines.set(regex, engine);
  }
  return engine;
}

function jsEngine({ source, flags = '' }: CompiledRegex): Engine {
  const once = new RegExp(source, flags);
  let all: RegExp | undefined;
  return {
    test: (text) => once.test(text),
    each: (text, visit) => {
      all ??= new RegExp(source, `${flags}g`);
      let lastEnd = -1;
      for (const match of text.matchAll(all)) {
        const end = match.index + match[0].length;
        // RE2 does not replace an empty match that touches the one before it; JavaScript does.
        if (match[0] === '' && match.index === lastEnd) continue;
        visit(match.index, end, match);
        lastEnd = end;
      }
    },
  };
}

function re2Engine({ source, full }: CompiledRegex): Engine {
  const compiled = RE2JS.compile(source);
  return {
    test: (text) => (full === true ? compiled.matcher(text).matches() : compiled.matcher(text).find()),
    each: (text, visit) => {
      const matcher = compiled.matcher(text);
      const count = matcher.groupCount();
      let lastEnd = -1;
      while (matcher.find()) {
        const start = matcher.start();
        const end = matcher.end();
        if (start === end && start === lastEnd) continue;
        visit(
          start,
          end,
          Array.from({ length: count + 1 }, (_, group) => matcher.group(group) ?? undefined),
        );
        lastEnd = end;
      }
    },
  };
}

/**
 * Text that every match of this regex starts with; '' when none is certain. Lets the path index skip
 * regexes without running them. Only the anchored source that the compiler writes is read.
 */
export function literalPrefix(regex: CompiledRegex): string {
  if (regex.engine !== 'js' || !regex.source.startsWith('^') || /i/.test(regex.flags ?? '')) return '';
  const { source } = regex;
  let prefix = '';
  let index = 1;
  while (index < source.length) {
    let char = source.charAt(index);
    let next = index + 1;
    if (char === '\\') {
      char = source.charAt(next);
      // `\d`, `\u{…}` and the like are not literals.
      if (/[\dA-Za-z]/.test(char)) break;
      next += 1;
    } else if ('$()*+.?[]{|}^'.includes(char)) {
      break;
    }
    // Repeated, this character may be absent, or be only the first of several.
    if ('*?+{'.includes(source.charAt(next)) && next < source.length) break;
    prefix += char;
    index = next;
  }
  // A choice outside any group begins at the anchor, and the literal above would be its first branch only.
  return hasTopLevelChoice(source) ? '' : prefix;
}

function hasTopLevelChoice(source: string): boolean {
  let depth = 0;
  let inClass = false;
  for (let index = 0; index < source.length; index += 1) {
    const char = source.charAt(index);
    if (char === '\\') index += 1;
    else if (inClass) inClass = char !== ']';
    else if (char === '[') inClass = true;
    else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === '|' && depth === 0) return true;
  }
  return false;
}
