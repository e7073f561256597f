/** Collects what is wrong with the fields of one resource. */
import { nearest } from '../../diagnostics/nearest.ts';
import type { Report } from '../../diagnostics/finding.ts';
import { memberPath } from '../field-path.ts';
import { reportAt, type FindingText, type Located } from './report-at.ts';
import type { InvalidField } from './types.ts';

export type ReaderOptions = {
  /** v1 or v2. */
  readonly legacy: boolean;
  /** What happens because of an invalid field, as a sentence. */
  readonly consequence: string;
  readonly report: Report;
};

export class FieldReader {
  readonly legacy: boolean;
  /** Fields that make the resource unusable. */
  readonly invalid: InvalidField[] = [];
  /**
   * Set while a field is read that changes nothing here: what is wrong with it is a warning, because the
   * routes mean the same without it.
   */
  harmless = false;
  readonly #resource: Located;
  readonly #options: ReaderOptions;

  constructor(resource: Located, options: ReaderOptions) {
    this.#resource = resource;
    this.#options = options;
    this.legacy = options.legacy;
  }

  /** Reports a value that is not what the field takes. */
  fail(path: string, expected: string, found: unknown, hint: string | null = null): undefined {
    this.#invalid(path, 'field-invalid', `\`${path}\` must be ${expected}, but is ${describeValue(found)}.`, hint);
  }

  /** Reports a mistake that no single expectation describes. `message` is a sentence. */
  reject(path: string, message: string, hint: string | null): undefined {
    this.#invalid(path, 'field-invalid', message, hint);
  }

  missing(parent: string, name: string): void {
    const path = memberPath(parent, name);
    this.#invalid(path, 'field-missing', `\`${path}\` is required and is not there.`, `Add \`${name}\`.`);
  }

  unknownField(path: string, name: string, known: Iterable<string>): void {
    const near = nearest(name, known);
    this.say(path, {
      severity: 'warning',
      code: 'field-unknown',
      message: `\`${path}\` is not a field of a ${this.#resource.kind}, so it is ignored.`,
      hint: near === null ? 'Remove it, or check where it belongs.' : `Did you mean \`${near}\`?`,
    });
  }

  say(path: string | null, text: Omit<FindingText, 'path'>): void {
    reportAt(this.#options.report, this.#resource, { ...text, path });
  }

  #invalid(path: string, code: string, message: string, hint: string | null): void {
    const severity = this.harmless ? 'warning' : 'error';
    const consequence = this.harmless ? 'The field is ignored.' : this.#options.consequence;
    this.say(path, { severity, code, message: `${message} ${consequence}`, hint });
    if (!this.harmless) this.invalid.push({ path, code, message });
  }
}

/** A value as a person would say it, never long. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'empty text' : `the text \`${shortened(value)}\``;
  if (typeof value === 'number' || typeof value === 'boolean') return `\`${value}\``;
  if (value === null || value === undefined) return 'empty';
  return Array.isArray(value) ? 'a list' : 'a mapping';
}

function shortened(value: string): string {
  return value.length > 60 ? `${value.slice(0, 59)}…` : value;
}
