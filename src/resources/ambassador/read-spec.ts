/** The fields of one `spec` (or of the Module's `config`), one by one, with what the coverage table says of each. */
import type { Coverage } from './coverage.ts';
import type { FieldReader } from './field-reader.ts';
import type { FieldKind } from './fields.ts';
import { memberPath } from '../field-path.ts';

export type SpecShape = {
  readonly kinds: ReadonlyMap<string, FieldKind<unknown>>;
  readonly coverage: ReadonlyMap<string, Coverage>;
};

export function specShape(
  kinds: Readonly<Record<string, FieldKind<unknown>>>,
  coverage: Readonly<Record<string, Coverage>>,
): SpecShape {
  return { kinds: new Map(Object.entries(kinds)), coverage: new Map(Object.entries(coverage)) };
}

/** Readable members by name. Absent, unknown and wrong ones are left out; the latter two are reported. */
export function readSpec(
  spec: Readonly<Record<string, unknown>>,
  parent: string,
  { kinds, coverage }: SpecShape,
  reader: FieldReader,
): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  for (const key of Object.keys(spec)) {
    const value = spec[key];
    if (value === null || value === undefined) continue;
    const kind = kinds.get(key);
    const covered = coverage.get(key);
    if (kind === undefined) {
      if (covered === undefined) reader.unknownField(memberPath(parent, key), key, kinds.keys());
      continue;
    }
    reader.harmless = covered?.status === 'no-effect-at-edge';
    const path = `${parent}.${key}`;
    const result = kind(value, path, reader);
    reader.harmless = false;
    if (covered !== undefined) reportCoverage(path, key, value, covered, reader);
    if (result !== undefined) read[key] = result;
  }
  return read;
}

function reportCoverage(path: string, key: string, value: unknown, covered: Coverage, reader: FieldReader): void {
  if (covered.saidElsewhere === true) return;
  if (covered.status === 'no-effect-at-edge') {
    reader.say(path, {
      severity: 'info',
      code: 'no-effect-at-edge',
      message: `\`${key}\` has no effect at the edge. ${covered.note}`,
      hint: null,
    });
  } else if (covered.status === 'not-yet-enforced' && !isSwitchedOff(value)) {
    reader.say(path, {
      severity: 'warning',
      code: 'not-yet-enforced',
      message: `\`${key}\` is not enforced yet. ${covered.note}`,
      hint: null,
    });
  }
}

function isSwitchedOff(value: unknown): boolean {
  if (value === false || value === '') return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
