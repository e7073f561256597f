/** Writes the common subset as JavaScript source for the flags `u`: every class spelled out, so that no dialect rule is left. */
import { complement, MAX_CODE_POINT, type CodePoints } from './code-points.ts';
import type { ParsedRegex, RegexNode } from './regex-syntax.ts';

/** `full`: anchored at both ends, groups not captured. Otherwise groups keep their numbers. */
export function toJavaScript(regex: ParsedRegex, full: boolean): string {
  const body = write(regex.body, !full);
  if (full) return regex.body.kind === 'choice' ? `^(?:${body})$` : `^${body}$`;
  return `${regex.startAnchor ? '^' : ''}${body}${regex.endAnchor ? '$' : ''}`;
}

function write(node: RegexNode, captures: boolean): string {
  switch (node.kind) {
    case 'set':
      return writeSet(node.set);
    case 'sequence':
      return node.items.map((item) => write(item, captures)).join('');
    case 'choice':
      return node.items.map((item) => write(item, captures)).join('|');
    case 'group':
      return `${node.capture && captures ? '(' : '(?:'}${write(node.body, captures)})`;
    default:
      return write(node.body, captures) + writeCount(node.min, node.max) + (node.lazy ? '?' : '');
  }
}

function writeCount(min: number, max: number | null): string {
  if (max === null) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  if (min === 0 && max === 1) return '?';
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

function writeSet(set: CodePoints): string {
  const [range] = set;
  if (set.length === 1 && range !== undefined && range[0] === range[1])
    return writePoint(range[0], /[$()*+./?[\\\]^{|}]/);
  const negated = set.at(-1)?.[1] === MAX_CODE_POINT;
  const ranges = (negated ? complement(set) : set).map(([low, high]) => {
    const start = writePoint(low, /[\\\]^-]/);
    if (low === high) return start;
    return `${start}${high === low + 1 ? '' : '-'}${writePoint(high, /[\\\]^-]/)}`;
  });
  return `[${negated ? '^' : ''}${ranges.join('')}]`;
}

function writePoint(point: number, escaped: RegExp): string {
  if (point < 0x20 || point > 0x7e) return `\\u{${point.toString(16)}}`;
  const char = String.fromCodePoint(point);
  return escaped.test(char) ? `\\${char}` : char;
}
