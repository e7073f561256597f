/** Durations of AES Filters, as Go's `time.ParseDuration` reads them: `1h30m`, `1.5s`, `-2ms`, `0`. */
import { withSchema, type FieldKind } from './fields.ts';

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** Milliseconds, not rounded; null: not such a text. */
export function parseGoDuration(text: string): number | null {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === '0') return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return null;
  let sum = 0;
  for (const [, amount, unit] of rest.matchAll(/([\d.]+)(\D+)/g))
    sum += Number(amount) * (UNIT_MS.get(unit ?? '') ?? 0);
  return sign === '-' ? -sum : sum;
}

/** A span of time; a negative one means nothing here. Milliseconds. */
export const goDuration: FieldKind<number> = withSchema({ type: 'string' }, (value, path, reader) => {
  const read = typeof value === 'string' ? parseGoDuration(value) : null;
  if (read === null) return reader.fail(path, 'a duration such as `30s` or `1h30m`', value);
  if (read < 0) return reader.fail(path, 'a duration that is not negative', value);
  return read;
});
