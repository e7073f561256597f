/**
 * Texts → Kubernetes objects. One bad document is one finding: the others are read all the same, and the
 * finding names the object as far as it can be made out.
 */
import { finding, type Finding, type Report, type SourceRef } from '../diagnostics/finding.ts';
import { plural } from '../diagnostics/render.ts';
import { objectsOfAnnotation } from './annotation-objects.ts';
import { identifySource, recoverSource } from './document-identity.ts';
import { toObject } from './kubernetes-object.ts';
import type { KubernetesObject } from './ambassador/types.ts';
import type { FieldPath } from './field-path.ts';
import { readDocument, type DocumentProblem, type ReadDocument } from './read-document.ts';
import { isRecord } from './record.ts';
import {
  isSecret,
  mayHoldSecret,
  readSecret,
  unreadableSecret,
  withoutContent,
  type SecretDocument,
} from './secret-document.ts';
import { splitDocuments, type DocumentPart } from './split-documents.ts';

export type SourceText = {
  /** As the user gave it; `-` for standard input. */
  readonly file: string;
  readonly text: string;
};

/**
 * Codes of findings that stand for an object that could not be read. Their `source` names the object where
 * it could be made out; an earlier version of it may then be kept.
 */
export const unreadableCodes: ReadonlySet<string> = new Set(['yaml-invalid', 'yaml-duplicate-key', 'document-invalid']);

/**
 * Documents read before, for the next time: a document whose text and place are the same gives the same
 * objects, so that what is remembered by object stays known as well. Holds the last run's documents only.
 */
export class ManifestCache {
  #last = new Map<string, PartResult>();
  #next = new Map<string, PartResult>();

  get(key: string, read: () => PartResult): PartResult {
    const result = this.#next.get(key) ?? this.#last.get(key) ?? read();
    this.#next.set(key, result);
    return result;
  }

  endRun(): void {
    this.#last = this.#next;
    this.#next = new Map();
  }
}

type PartResult = {
  readonly objects: readonly KubernetesObject[];
  readonly findings: readonly Finding[];
  readonly secrets: readonly SecretDocument[];
};

/**
 * YAML of several documents, JSON, and any `*List` with items as kubectl prints it. With a `cache`, reading
 * again costs only what has changed; the result is the same.
 *
 * @param onSecret gets what Secrets hold; their objects hold nothing
 */
export function parseManifests(
  texts: readonly SourceText[],
  report: Report,
  cache: ManifestCache = new ManifestCache(),
  onSecret: (secret: SecretDocument) => void = () => undefined,
): KubernetesObject[] {
  const objects: KubernetesObject[] = [];
  for (const { file, text } of texts) {
    for (const part of splitDocuments(text)) {
      const result = cache.get(`${part.line} ${file}\n${part.text}`, () => readPart(part, file));
      for (const object of result.objects) objects.push(object);
      for (const found of result.findings) report(found);
      for (const secret of result.secrets) onSecret(secret);
    }
  }
  cache.endRun();
  return objects;
}

function readPart(part: DocumentPart, file: string): PartResult {
  const findings: Finding[] = [];
  const report = (found: Finding): void => void findings.push(found);
  const objects: KubernetesObject[] = [];
  const secrets: SecretDocument[] = [];
  for (const object of objectsOfPart(part, file, { report, secrets })) {
    objects.push(object);
    objects.push(...objectsOfAnnotation(object, report));
  }
  return { objects, findings, secrets };
}

function objectsOfPart(
  part: DocumentPart,
  file: string,
  { report, secrets }: Pick<PartContext, 'report' | 'secrets'>,
): readonly KubernetesObject[] {
  const document = readDocument(part);
  const unreadable = document.problems.filter(({ code }) => code === 'yaml-invalid');
  if (unreadable.length > 0) {
    const source = recoverSource(part.text, file, part.line);
    report(problemFinding(unreadable, source, part));
    secrets.push(...unreadableSecret(source));
    return [];
  }
  const context: PartContext = { part, document, file, report, secrets, claimed: new Set() };
  const objects = objectsAt(document.value, [], context);
  const unclaimed = document.problems.filter((problem) => !context.claimed.has(problem));
  if (unclaimed.length > 0) {
    const source = identifySource(document.value, file, part.line) ?? recoverSource(part.text, file, part.line);
    report(problemFinding(unclaimed, source, part));
    // What was read before the problem showed does not count.
    secrets.splice(0, secrets.length, ...unreadableSecret(source));
    return [];
  }
  document.release();
  return objects;
}

type PartContext = {
  readonly part: DocumentPart;
  readonly document: ReadDocument;
  readonly file: string;
  readonly report: Report;
  readonly secrets: SecretDocument[];
  /** Problems that lie inside one item of a list, and cost that item only. */
  readonly claimed: Set<DocumentProblem>;
};

function objectsAt(value: unknown, path: FieldPath, context: PartContext): readonly KubernetesObject[] {
  if (value === null || value === undefined) return [];
  const items = path.length === 0 ? listItems(value) : null;
  if (items === null) {
    const { document, file, report, secrets } = context;
    const isOne = isSecret(value);
    const secret = isOne ? readSecret(value) : null;
    if (secret !== null) secrets.push(secret);
    const object = toObject(isOne ? withoutContent(value) : value, { document, path, file, report });
    return object === null ? [] : [object];
  }
  return items.flatMap((item, index) => {
    const at = ['items', index];
    const own = problemsAt(at, context);
    if (own.length === 0) return objectsAt(item, at, context);
    const line = context.document.lineOf(at);
    const source = identifySource(item, context.file, line) ?? recoverSource('', context.file, line);
    context.report(problemFinding(own, source, context.part));
    context.secrets.push(...unreadableSecret(source));
    return [];
  });
}

/** The items of a list object; null for everything else. Items of a typed list may leave their kind to it. */
function listItems(value: unknown): readonly unknown[] | null {
  if (!isRecord(value)) return null;
  const { kind, apiVersion, items } = value;
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return null;
  if (kind === 'List') return items;
  const defaults = { apiVersion, kind: kind.slice(0, -'List'.length) };
  return items.map((item: unknown) => (isRecord(item) ? Object.assign({}, defaults, item) : item));
}

function problemsAt(path: FieldPath, { document, claimed }: PartContext): readonly DocumentProblem[] {
  if (document.problems.length === 0) return [];
  const range = document.rangeOf(path);
  if (range === null) return [];
  const own = document.problems.filter(({ offset }) => offset >= range[0] && offset < range[1]);
  for (const problem of own) claimed.add(problem);
  return own;
}

function problemFinding(problems: readonly DocumentProblem[], source: SourceRef, part: DocumentPart): Finding {
  const [first] = problems;
  const code = first?.code ?? 'yaml-invalid';
  const more = problems.length > 1 ? ` (and ${plural(problems.length - 1, 'more mistake')})` : '';
  const line = first?.line ?? part.line;
  const whose = source.kind === 'File' ? 'This document' : `${source.kind} ${source.name}`;
  const mistake = /^\s*[{[]/.test(part.text) ? 'is neither valid JSON nor YAML' : 'is not valid YAML';
  if (mayHoldSecret(part.text)) {
    // Not in the parser's words: they may quote the text.
    const what = code === 'yaml-invalid' ? mistake : 'has a member twice';
    const message = `${whose} ${what}${more}. Nothing of this document is used; the others are.`;
    return finding('error', code, message, { source: { ...source, line }, hint: 'Correct the text at this line.' });
  }
  const message =
    code === 'yaml-invalid'
      ? `${whose} ${mistake}: ${first?.message ?? ''}${more}. Nothing of this document is used; the others are.`
      : `${first?.message ?? ''}${more}, so it is not clear which value counts. ${whose} is not used.`;
  const hint =
    code === 'yaml-invalid'
      ? 'Correct the text at this line; a wrong indentation or quote above it can be the cause.'
      : 'Keep one of the two.';
  return finding('error', code, message, { source: { ...source, line }, hint });
}
