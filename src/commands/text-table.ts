/** Columns for people: left aligned, two spaces apart, nothing cut off. */
import { escapeControls } from '../diagnostics/render.ts';

/** One line per row, head first, without trailing spaces. Columns that are empty in every row are left out. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map((cell) => escapeControls(cell).replaceAll('\n', String.raw`\n`)));
  const used = head.map((_, column) => clean.some((row) => (row[column] ?? '') !== ''));
  const keep = (row: readonly string[]): readonly string[] => row.filter((_, column) => used[column]);
  const kept = [head, ...clean].map((row) => keep(row));
  const widths = keep(head).map((_, column) =>
    kept.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  );
  return kept.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
