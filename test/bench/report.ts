/** What a part of the bench hands back, and its rendering as text. */

export type Cell = string | number;
export type Section = {
  readonly title: string;
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[];
};

export function renderSection({ title, rows, notes }: Section): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => columns.map((column) => String(row[column] ?? '')));
  const widths = columns.map((column, at) => Math.max(column.length, ...cells.map((line) => (line[at] ?? '').length)));
  // Figures to the right; the first column says what they belong to.
  const line = (parts: readonly string[]): string =>
    parts
      .map((part, at) => (at === 0 ? part.padEnd(widths[at] ?? 0) : part.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width));
  const body = [columns, rule, ...cells].map(line);
  return ['', `## ${title}`, '', ...body, ...(notes.length > 0 ? ['', ...notes.map((note) => `- ${note}`)] : [])].join(
    '\n',
  );
}

/** Rounds for people: three significant digits, no exponent. */
export function round(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return Number(value.toFixed(Math.min(digits, 20)));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

export function ratio(value: number): string {
  return `${value.toFixed(2)}×`;
}

export function ratioRange(values: readonly number[]): string {
  return `${ratio(median(values))} (${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)})`;
}

/** Numbers in [0, 1) that are the same in every run. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
