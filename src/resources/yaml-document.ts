/** One YAML document → plain data with lines. YAML 1.2 core schema, and `<<` merges as kubectl does. */
import { isAlias, isMap, isNode, isScalar, isSeq, parseDocument, type Document, type Pair } from 'yaml';
import type { FieldPath } from './field-path.ts';
import { createLineIndex } from './line-index.ts';
import type { DocumentProblem, ReadDocument } from './read-document.ts';

/** Aliases that repeat a large node many times are refused: a few lines could fill the memory. */
const MAX_ALIAS_COUNT = 100;

export function readYaml(text: string, firstLine: number): ReadDocument {
  const lineAt = createLineIndex(text, firstLine);
  let composed: Document | null = null;
  const document = (): Document => (composed ??= compose(text));
  const { value, problems } = evaluate(document, text, lineAt);
  return {
    value,
    problems,
    lineOf: (path) => lineAt(find(document(), path).offset),
    memberLines: (path) => memberLines(find(document(), path).node, lineAt),
    rangeOf: (path) => {
      const { node, complete } = find(document(), path);
      return complete && isNode(node) && node.range ? [node.range[0], node.range[2]] : null;
    },
    release: () => {
      composed = null;
    },
  };
}

function compose(text: string): Document {
  // `silent`: the library would print warnings of its own otherwise.
  return parseDocument(text, { merge: true, prettyErrors: false, logLevel: 'silent' });
}

function evaluate(
  document: () => Document,
  text: string,
  lineAt: (offset: number) => number,
): { readonly value: unknown; readonly problems: readonly DocumentProblem[] } {
  try {
    const problems = document().errors.map(({ code, message, pos }): DocumentProblem => {
      const offset = pos[0];
      const line = lineAt(offset);
      if (code !== 'DUPLICATE_KEY') return { code: 'yaml-invalid', message: sentence(message), line, offset };
      const key = keyAt(text, offset);
      return { code: 'yaml-duplicate-key', message: `\`${key}\` is written twice in one mapping`, line, offset };
    });
    if (problems.some(({ code }) => code === 'yaml-invalid')) return { value: undefined, problems };
    const value: unknown = document().toJS({ maxAliasCount: MAX_ALIAS_COUNT });
    return { value, problems };
  } catch (error) {
    // Aliases that are unresolved, circular or too many, and nesting that exhausts the stack.
    const message = error instanceof RangeError ? 'It is nested too deeply' : errorText(error);
    return { value: undefined, problems: [{ code: 'yaml-invalid', message, line: lineAt(0), offset: 0 }] };
  }
}

function errorText(error: unknown): string {
  return sentence(error instanceof Error ? error.message : String(error));
}

/** Without the final stop: the text becomes part of a longer sentence. */
function sentence(message: string): string {
  return message.replace(/\.\s*$/, '');
}

function keyAt(text: string, offset: number): string {
  const key = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s:,{}[\]]+))/.exec(text.slice(offset, offset + 200));
  return key?.[1] ?? key?.[2] ?? key?.[3] ?? '?';
}

type Found = { readonly node: unknown; readonly offset: number; readonly complete: boolean };

/** Walks as far as the path exists. A member is where its key is, an item where it begins. */
function find(document: Document, path: FieldPath): Found {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => keyText(key) === String(step));
      if (pair === undefined) return { node, offset, complete: false };
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      node = node.items[step];
      offset = startOf(node) ?? offset;
    } else return { node, offset, complete: false };
  }
  return { node, offset, complete: true };
}

function memberLines(node: unknown, lineAt: (offset: number) => number): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  if (!isMap(node)) return lines;
  for (const { key } of node.items as readonly Pair[]) {
    const name = keyText(key);
    const start = startOf(key);
    if (name !== null && start !== null) lines.set(name, lineAt(start));
  }
  return lines;
}

function keyText(key: unknown): string | null {
  return isScalar(key) ? String(key.value) : null;
}

function startOf(node: unknown): number | null {
  return isNode(node) && node.range ? node.range[0] : null;
}
