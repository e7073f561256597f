import type { Section } from '../bench/report.ts';

export type Part = {
  readonly sections: readonly Section[];
  /** Targets that were not reached; empty: all were. */
  readonly missed: readonly string[];
};
