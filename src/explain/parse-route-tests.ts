/** Route test files: a YAML or JSON list of `{name, request, expect}`. */
import { isNode, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import { finding, type Report, type SourceRef } from '../diagnostics/finding.ts';
import { EXPECTATION, isRecord, shapeProblems, unknownKey, type ShapeProblem } from './expectation-shape.ts';
import { requestProblem, type ProbeRequest } from './probe-request.ts';

export type Expectation = Readonly<Record<string, unknown>>;

export type RouteTest = {
  readonly file: string;
  /** 1-based. */
  readonly line: number | null;
  readonly name: string;
  readonly request: ProbeRequest;
  /** A part of an Explanation; header names in lower case. */
  readonly expect: Expectation;
};

const TEST_KEYS = ['name', 'request', 'expect'] as const;
const REQUEST_KEYS = ['method', 'url', 'headers', 'clientIp'] as const;

/** Tests that cannot be understood are reported and left out. */
export function parseRouteTests(file: string, text: string, report: Report): readonly RouteTest[] {
  const at = (line: number | null): At => ({ source: { kind: 'File', namespace: null, name: file, file, line } });
  const read = readList(text);
  if ('problem' in read) {
    report(finding('error', 'route-tests-unreadable', `The file is not valid YAML: ${read.problem}`, at(read.line)));
    return [];
  }
  if (read.entries.length === 0) {
    const hint = 'Write a list: - { name: …, request: { method: GET, url: … }, expect: { outcome: forward } }';
    const message = 'The file holds no list of route tests, so it tests nothing.';
    report(finding('error', 'route-tests-empty', message, { ...at(1), hint }));
  }
  return read.entries.flatMap(({ entry, line }, index): readonly RouteTest[] => {
    const problems = testProblems(entry, `[${index}]`);
    for (const { path, message, hint } of problems) {
      report(finding('error', 'route-test-invalid', message, { ...at(line), path, hint }));
    }
    return problems.length === 0 && isWritten(entry) ? [toTest(entry, { file, line })] : [];
  });
}

type At = { readonly source: SourceRef };

type ReadList =
  | { readonly entries: readonly { readonly entry: unknown; readonly line: number | null }[] }
  | { readonly problem: string; readonly line: number | null };

/** No entries: the text is YAML, but no list. */
function readList(text: string): ReadList {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) return { problem: error.message, line: lines.linePos(error.pos[0]).line };
  let list: unknown;
  try {
    list = document.toJS();
  } catch (cause) {
    // An alias without anchor, or aliases that would multiply without end.
    return { problem: cause instanceof Error ? cause.message : String(cause), line: null };
  }
  const { contents } = document;
  if (!Array.isArray(list) || !isSeq(contents)) return { entries: [] };
  return { entries: list.map((entry: unknown, index) => ({ entry, line: lineOf(contents.items[index], lines) })) };
}

type Written = {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers?: Readonly<Record<string, string | readonly string[]>> | null;
    readonly clientIp?: string;
  };
  readonly expect: Expectation;
};

function toTest({ name, request, expect }: Written, at: Pick<RouteTest, 'file' | 'line'>): RouteTest {
  return { ...at, name, request: toRequest(request), expect: withLowerCaseHeaders(expect) };
}

function toRequest({ method, url, headers, clientIp }: Written['request']): ProbeRequest {
  const pairs = Object.entries(headers ?? {}).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((each) => [name, each] as const),
  );
  return { method, url, headers: pairs, ...(clientIp !== undefined && { clientIp }) };
}

function withLowerCaseHeaders(expect: Expectation): Expectation {
  const { upstream } = expect;
  if (!isRecord(upstream) || !isRecord(upstream['headers'])) return expect;
  const headers = Object.entries(upstream['headers']).map(([name, value]) => [name.toLowerCase(), value] as const);
  return { ...expect, upstream: { ...upstream, headers: Object.fromEntries(headers) } };
}

function testProblems(entry: unknown, path: string): readonly ShapeProblem[] {
  if (!isRecord(entry))
    return [{ path, message: 'A route test is an object with name, request and expect.', hint: null }];
  const problems = unknownKeys(entry, TEST_KEYS, path);
  const { name, request, expect } = entry;
  if (typeof name !== 'string' || name === '') problems.push(needed(`${path}.name`, 'text'));
  if (isRecord(request)) problems.push(...requestProblems(request, `${path}.request`));
  else problems.push(needed(`${path}.request`, 'an object with method and url'));
  if (isRecord(expect) && Object.keys(expect).length > 0)
    problems.push(...shapeProblems(expect, EXPECTATION, `${path}.expect`));
  else problems.push(needed(`${path}.expect`, 'an object with at least one key'));
  return problems;
}

function requestProblems(request: Readonly<Record<string, unknown>>, path: string): readonly ShapeProblem[] {
  const problems = unknownKeys(request, REQUEST_KEYS, path);
  const { method, url, headers, clientIp } = request;
  if (typeof method !== 'string') problems.push(needed(`${path}.method`, 'text'));
  if (typeof url !== 'string') problems.push(needed(`${path}.url`, 'text'));
  if (clientIp !== undefined && typeof clientIp !== 'string') problems.push(needed(`${path}.clientIp`, 'text'));
  if (headers !== undefined && headers !== null && !isHeaders(headers)) {
    problems.push({
      path: `${path}.headers`,
      message: `\`${path}.headers\` must be an object: each name with text, or with a list of texts for repeated lines.`,
      hint: 'Put numbers and true in quotes.',
    });
  }
  if (problems.length > 0 || !isWrittenRequest(request)) return problems;
  const problem = requestProblem(toRequest(request));
  return problem === null ? [] : [{ path, message: problem, hint: null }];
}

function unknownKeys(value: Readonly<Record<string, unknown>>, known: readonly string[], path: string): ShapeProblem[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => unknownKey(`${path}.${key}`, key, known));
}

function needed(path: string, what: string): ShapeProblem {
  return { path, message: `\`${path}\` must be ${what}.`, hint: null };
}

function isWritten(entry: unknown): entry is Written {
  return (
    isRecord(entry) &&
    typeof entry['name'] === 'string' &&
    isWrittenRequest(entry['request']) &&
    isRecord(entry['expect'])
  );
}

function isWrittenRequest(request: unknown): request is Written['request'] {
  return isRecord(request) && typeof request['method'] === 'string' && typeof request['url'] === 'string';
}

function isHeaders(value: unknown): boolean {
  return (
    isRecord(value) &&
    Object.values(value).every(
      (each) => typeof each === 'string' || (Array.isArray(each) && each.every((line) => typeof line === 'string')),
    )
  );
}

function lineOf(item: unknown, lines: LineCounter): number | null {
  const node: Node | null = isNode(item) ? item : null;
  const start = node?.range?.[0];
  return start === undefined ? null : lines.linePos(start).line;
}
