import type { SourceRef } from '../diagnostics/finding.ts';
import { compareCodePoints } from '../model/rank.ts';
import { keyOf } from './key-order.ts';

/** By file and line, then by name for several objects of one line. */
export function compareSources(a: SourceRef, b: SourceRef): number {
  return (
    compareCodePoints(a.file ?? '', b.file ?? '') ||
    (a.line ?? 0) - (b.line ?? 0) ||
    (a === b ? 0 : compareCodePoints(keyOf(a), keyOf(b)))
  );
}
