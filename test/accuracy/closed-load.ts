/** Clients that wait for an answer before they ask again, in bursts. */
import { createRandom } from '../bench/report.ts';
import type { HarnessConnection } from './harness-connection.ts';
import type { Take, TakeAnswer } from './protocol.ts';

export type LoadPlan = {
  readonly connections: readonly HarnessConnection[];
  readonly seconds: number;
  /** The next request; tags are counted here. */
  readonly next: (number: number) => Omit<Take, 'tag'>;
  /** Rests between bursts, so that windows begin and end in all states. Default true. */
  readonly rests?: boolean;
  /** Between an answer and the next request. Default 0. */
  readonly pauseMs?: number;
  /** Default: never. */
  readonly isOver?: () => boolean;
};

export type Asked = {
  readonly tag: number;
  readonly answer: TakeAnswer;
  /** By performance.now(). */
  readonly sentMs: number;
  readonly answeredMs: number;
};

export async function closedLoad(plan: LoadPlan): Promise<readonly Asked[]> {
  const { connections, seconds, next, pauseMs = 0 } = plan;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  const rests = plan.rests === false ? [] : restsUntil(seconds * 1_000);
  const asked: Asked[] = [];
  let tags = 0;
  const client = async (connection: HarnessConnection): Promise<void> => {
    while (performance.now() < endMs && plan.isOver?.() !== true) {
      const nowMs = performance.now() - startMs;
      const rest = rests.find(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs);
      if (rest !== undefined) {
        await sleep(rest.toMs - nowMs);
        continue;
      }
      const tag = tags;
      tags += 1;
      const sentMs = performance.now();
      const answer = await connection.ask<TakeAnswer>('/take', { ...next(tag), tag });
      asked.push({ tag, answer, sentMs, answeredMs: performance.now() });
      if (pauseMs > 0) await sleep(pauseMs);
    }
  };
  await Promise.all(connections.map(client));
  return asked;
}

export function isUndecided({ answer }: Asked): boolean {
  return answer.verdicts.some((verdict) => 'undecided' in verdict);
}

export function isPassed({ answer }: Asked): boolean {
  return answer.verdicts.every((verdict) => 'allowed' in verdict && verdict.allowed);
}

type Rest = { readonly fromMs: number; readonly toMs: number };

/** The same in every run; ends with a burst. */
function restsUntil(endMs: number): readonly Rest[] {
  const random = createRandom(7);
  const rests: Rest[] = [];
  let fromMs = 250 + random() * 500;
  while (fromMs < endMs - 900) {
    const toMs = fromMs + 100 + random() * 700;
    rests.push({ fromMs, toMs });
    fromMs = toMs + 300 + random() * 700;
  }
  return rests;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
