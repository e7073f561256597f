/** Which keys an expectation may have: those of an Explanation, so that a misspelt one cannot pass unseen. */
import { nearest } from '../diagnostics/nearest.ts';
import { OUTCOMES, POLICY_DECISIONS } from './explanation.ts';

/** `headers`: any name, text values. `any`: not looked at. */
export type ExpectationShape =
  | { readonly kind: 'text' }
  | { readonly kind: 'number' }
  | { readonly kind: 'headers' }
  | { readonly kind: 'any' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'list'; readonly element: ExpectationShape }
  | { readonly kind: 'object'; readonly keys: Readonly<Record<string, ExpectationShape>> };

const TEXT = { kind: 'text' } as const;
const NUMBER = { kind: 'number' } as const;

function object(keys: Readonly<Record<string, ExpectationShape>>): ExpectationShape {
  return { kind: 'object', keys };
}

function list(keys: Readonly<Record<string, ExpectationShape>>): ExpectationShape {
  return { kind: 'list', element: object(keys) };
}

const SOURCE = object({ kind: TEXT, namespace: TEXT, name: TEXT, file: TEXT, line: NUMBER, cluster: TEXT });

export const EXPECTATION = object({
  outcome: { kind: 'choice', choices: OUTCOMES },
  status: NUMBER,
  code: TEXT,
  route: object({ id: TEXT, source: SOURCE }),
  nearMisses: list({ source: SOURCE, failed: TEXT, expected: TEXT, actual: TEXT }),
  policies: list({
    name: TEXT,
    source: SOURCE,
    input: { kind: 'any' },
    note: TEXT,
    decision: { kind: 'choice', choices: POLICY_DECISIONS },
    code: TEXT,
  }),
  consumer: object({ id: TEXT, kind: TEXT, plan: TEXT }),
  request: object({ path: TEXT, canonicalPath: TEXT }),
  upstream: object({ url: TEXT, host: TEXT, headers: { kind: 'headers' } }),
  candidates: list({ url: TEXT, weight: NUMBER }),
  location: TEXT,
});

export type ShapeProblem = { readonly path: string; readonly message: string; readonly hint: string | null };

/** Everything about `value` that could never be part of an Explanation. null is allowed everywhere: "there is none". */
export function shapeProblems(value: unknown, shape: ExpectationShape, path: string): readonly ShapeProblem[] {
  if (value === null || shape.kind === 'any') return [];
  switch (shape.kind) {
    case 'text':
      return typeof value === 'string' ? [] : [problem(path, 'must be text', 'Put it in quotes.')];
    case 'number':
      return typeof value === 'number' ? [] : [problem(path, 'must be a number', null)];
    case 'choice':
      return choiceProblems(value, shape.choices, path);
    case 'headers':
      return headerProblems(value, path);
    case 'list':
      if (!Array.isArray(value)) return [problem(path, 'must be a list', null)];
      return value.flatMap((element, index) => shapeProblems(element, shape.element, `${path}[${index}]`));
    default:
      if (!isRecord(value)) return [problem(path, 'must be an object', null)];
      return Object.entries(value).flatMap(([key, inner]) => {
        const known = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined;
        return known === undefined
          ? [unknownKey(`${path}.${key}`, key, Object.keys(shape.keys))]
          : shapeProblems(inner, known, `${path}.${key}`);
      });
  }
}

export function unknownKey(path: string, key: string, known: readonly string[]): ShapeProblem {
  const guess = nearest(key, known);
  const hint = guess === null ? `Known keys: ${known.join(', ')}.` : `Did you mean \`${guess}\`?`;
  return { path, message: `The key \`${key}\` is not known here, so it would test nothing.`, hint };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function choiceProblems(value: unknown, choices: readonly string[], path: string): readonly ShapeProblem[] {
  if (typeof value === 'string' && choices.includes(value)) return [];
  const guess = typeof value === 'string' ? nearest(value, choices) : null;
  return [problem(path, `must be one of ${choices.join(', ')}`, guess === null ? null : `Did you mean \`${guess}\`?`)];
}

function headerProblems(value: unknown, path: string): readonly ShapeProblem[] {
  if (!isRecord(value)) return [problem(path, 'must be an object of header names', null)];
  return Object.entries(value)
    .filter(([, text]) => text !== null && typeof text !== 'string')
    .map(([name]) =>
      problem(`${path}.${name}`, 'must be text, or null for a header that must be absent', 'Put it in quotes.'),
    );
}

function problem(path: string, must: string, hint: string | null): ShapeProblem {
  return { path, message: `\`${path}\` ${must}.`, hint };
}
