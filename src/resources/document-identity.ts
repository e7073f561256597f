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

/** Nobody's in particular: whatever the text held may be missing now. */
export function fileSource(file: string, line: number | null): SourceRef {
  return { kind: 'File', namespace: null, name: file, file, line };
}

/** A Service or an Ingress may carry resources of its own kinds as the text of this annotation. */
export const CONFIG_ANNOTATION = 'getambassador.io/config';

/** A list holds many objects: the first one's name would hide that the others are missing too. */
const LIST_ITEMS = /^[ \t{]*["']?items["']?[ \t]*:[ \t\r]*(\[|$)/m;

/**
 * The object that a broken text most likely describes, so that its last good version can be kept. Where
 * kind or name cannot be made out, or the text may hold several objects, the finding is about the file.
 */
export function recoverSource(text: string, file: string, line: number): SourceRef {
  const start = text.slice(0, 20_000);
  const kind = kindText(start);
  const metadata = metadataText(start);
  const name = metadata === null ? null : memberText(metadata, 'name');
  const several = LIST_ITEMS.test(start) || text.includes(CONFIG_ANNOTATION);
  if (kind === null || metadata === null || name === null || several) return fileSource(file, line);
  return { kind, namespace: memberText(metadata, 'namespace') ?? 'default', name, file, line };
}

/** The same for a document of an annotation, whose name stands at the top level; null when it is not there. */
export function recoverFlat(text: string): { readonly kind: string; readonly name: string } | null {
  const kind = kindText(text);
  const name = capture(text, /^["']?name["']?[ \t]*:[ \t]*["']?([\w.-]+)/m);
  return kind === null || name === null ? null : { kind, name };
}

function kindText(text: string): string | null {
  return capture(text, /^[ \t{]*["']?kind["']?[ \t]*:[ \t]*["']?([A-Za-z]+)/m);
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
