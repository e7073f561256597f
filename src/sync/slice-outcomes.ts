/** Tells each slice's writer what became of its resources: `outcome-<cluster>`, written when it changes. */
import { canonicalJson } from '../program/canonical-json.ts';
import { outcomeKey } from '../program/keys.ts';
import type { ProgramStore } from '../program/program-store.ts';
import type { StoredJudgement, StoredOutcome } from '../program/slice-form.ts';
import { STORED_FORMAT } from '../program/stored-form.ts';
import type { Publication } from './conditions.ts';
import type { Judge, Judgement } from './judgements.ts';
import { storedFinding } from './slice-content.ts';
import type { ReadSlice } from './slice-watch.ts';

/** Of one resource; a condition has room for few more. */
const MAX_FINDINGS = 5;

export class SliceOutcomes {
  readonly #store: ProgramStore;
  readonly #onProblem: (message: string) => void;
  readonly #told = new Map<string, string>();

  constructor(store: ProgramStore, onProblem: (message: string) => void) {
    this.#store = store;
    this.#onProblem = onProblem;
  }

  /** Another process may have told meanwhile. */
  forget(): void {
    this.#told.clear();
  }

  /** Nothing is lost when the store fails: it is told again with the next pass. */
  async tell(
    slices: readonly ReadSlice[],
    judgeIn: (cluster: string) => Judge,
    publication: Publication,
    mayAct: () => boolean,
  ): Promise<void> {
    for (const slice of slices) {
      if (!mayAct()) return;
      const { cluster } = slice;
      const key = outcomeKey(cluster);
      const text = canonicalJson(outcomeOf(slice, judgeIn(cluster), publication));
      try {
        const before = this.#told.get(cluster) ?? (await this.#store.get(key));
        if (before !== text) await this.#store.put(key, text);
        this.#told.set(cluster, text);
      } catch (error) {
        this.#onProblem(`${key} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

function outcomeOf({ cluster, content, keys }: ReadSlice, judge: Judge, publication: Publication): StoredOutcome {
  const resources: { [key: string]: StoredJudgement } = {};
  for (const key of keys) {
    const judgement = judge(key);
    if (judgement === null) resources[key] = { state: 'none', findings: [] };
    else if (judgement.state !== 'accepted' || judgement.findings.length > 0) resources[key] = stored(judgement);
  }
  return {
    format: STORED_FORMAT,
    kind: 'outcome',
    cluster,
    slice: content,
    withheld: publication.state === 'live' ? null : publication.reason,
    resources,
  };
}

/** Errors first: they decide the condition. */
function stored({ state, findings }: Judgement): StoredJudgement {
  const sorted = findings.toSorted((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
  return { state, findings: sorted.slice(0, MAX_FINDINGS).map(storedFinding) };
}
