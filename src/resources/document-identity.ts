/** Whose document is this? For documents that cannot be used: from the data, or line by line from the text. */
import type { SourceRef } from '../diagnostics/finding.ts';
import { isRecord } from './record.ts';

/** The object that readable data describes; null when kind or name is missing. */
export function identifySource(value: unknown, file: string, line: number): SourceRef | null {
  if (!isRecord(value) || !isRecord(value['metadata'])) return null;
  const { kind, metadata } = value;
  const { name, namespace } = metadata;
  if (typeof kind !== 'string' || typeof name !== 'string') return null;
  return { kind, namespace: typeof namespace === 'string' ? namespace : 'default', name, file, line };
}

/**
 * The object that a broken text most likely describes, so that its last good version can be kept. Where
 * kind or name cannot be made out, the finding is about the file.
 */
export function recoverSource(text: string, file: string, line: number): SourceRef {
  const start = text.slice(0, 20_000);
  const kind = capture(start, /^[ \t{]*["']?kind["']?[ \t]*:[ \t]*["']?([A-Za-z]+)/m);
  const metadata = metadataText(start);
  const name = metadata === null ? null : memberText(metadata, 'name');
  if (kind === null || metadata === null || name === null)
    return { kind: 'File', namespace: null, name: file, file, line };
  return { kind, namespace: memberText(metadata, 'namespace') ?? 'default', name, file, line };
}

function capture(text: string, expression: RegExp): string | null {
  return expression.exec(text)?.[1] ?? null;
}

/** From `metadata:` up to the next line that is not indented more. */
function metadataText(text: string): string | null {
  const start = /^([ \t]*)["']?metadata["']?[ \t]*:/m.exec(text);
  if (start === null) return null;
  const indent = start[1]?.length ?? 0;
  const [first = '', ...rest] = text.slice(start.index + start[0].length).split('\n');
  // A flow mapping on the line; nested ones (labels) have names of their own.
  if (first.includes('{') && first.includes('}')) return first.replaceAll(/(?<=\{[^{}]*)\{[^{}]*\}/g, '');
  const end = rest.findIndex((line) => line.trim() !== '' && line.length - line.trimStart().length <= indent);
  return [first, ...(end === -1 ? rest : rest.slice(0, end))].join('\n');
}

/** The least indented member of that name. */
function memberText(text: string, member: string): string | null {
  const expression = new RegExp(`(^|[\\s{,])["']?${member}["']?[ \\t]*:[ \\t]*["']?([\\w.-]+)`, 'g');
  let best: { readonly indent: number; readonly value: string } | null = null;
  for (const found of text.matchAll(expression)) {
    const value = found[2];
    const indent = found.index - text.lastIndexOf('\n', found.index - 1);
    if (value !== undefined && (best === null || indent < best.indent)) best = { indent, value };
  }
  return best?.value ?? null;
}
