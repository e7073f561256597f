/** What a document reads as, whatever it was written in. */
import type { FieldPath } from './field-path.ts';
import type { DocumentPart } from './split-documents.ts';
import { readJson } from './json-document.ts';
import { readYaml } from './yaml-document.ts';

export type DocumentProblem = {
  readonly code: 'yaml-invalid' | 'yaml-duplicate-key';
  readonly message: string;
  readonly line: number;
  readonly offset: number;
};

export type ReadDocument = {
  /** Plain data; undefined when there is none because of the problems. */
  readonly value: unknown;
  readonly problems: readonly DocumentProblem[];
  /** Line in the file of what is at the path, or of its nearest ancestor that is there. */
  readonly lineOf: (path: FieldPath) => number;
  /** Lines of the members of the mapping at the path. */
  readonly memberLines: (path: FieldPath) => ReadonlyMap<string, number>;
  /** First offset and the one behind the last; null when nothing is there. */
  readonly rangeOf: (path: FieldPath) => readonly [number, number] | null;
  /** Drops what was only needed while objects were made; later questions read the text again. */
  readonly release: () => void;
};

/** JSON is read as such because that is much faster; what is nearly JSON is judged as YAML. */
export function readDocument(part: DocumentPart): ReadDocument {
  const json = /^\s*[{[]/.test(part.text) ? readJson(part.text, part.line) : null;
  return json ?? readYaml(part.text, part.line);
}
