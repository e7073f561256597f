/** Requests without a pause while something is done to the gateway. */
import { generateLoad } from '../bench/load-generator.ts';

export type SteadyLoadOptions = {
  readonly port: number;
  /** Raw bytes of request i. */
  readonly request: (index: number) => string;
  /** Requests to send at least, however soon the work is done. */
  readonly enough: number;
  /** One request on a connection of its own, judged; null: as it should be. Repeated while the work lasts. */
  readonly check: (index: number) => Promise<string | null>;
};

export type LoadTally = {
  requests: number;
  checked: number;
  /** What requests got that failed, and what checks found. */
  readonly failures: string[];
  /** One value per thousand requests. */
  readonly p99Ms: number[];
};

/** On kept connections; few, so that load generator and gateway fit into two processors. */
const CONNECTIONS = 8;
const BATCH = 1_000;

export async function underLoad(options: SteadyLoadOptions, work: () => Promise<void>): Promise<LoadTally> {
  const { port, request, enough, check } = options;
  const tally: LoadTally = { requests: 0, checked: 0, failures: [], p99Ms: [] };
  const state = { isDone: false };
  const working = work().finally(() => {
    state.isDone = true;
  });
  const loading = async (): Promise<void> => {
    while (!state.isDone || tally.requests < enough) {
      const requests = Math.min(BATCH, enough);
      const result = await generateLoad({ port, connections: CONNECTIONS, requests, request });
      tally.requests += requests;
      tally.p99Ms.push(result.p99);
      for (const [status, times] of Object.entries({ ...result.statuses, lost: result.lost })) {
        if (status !== '200') tally.failures.push(...Array.from({ length: times }, () => status));
      }
    }
  };
  const checking = async (): Promise<void> => {
    while (!state.isDone) {
      const failure = await check(tally.checked);
      tally.checked += 1;
      if (failure !== null) tally.failures.push(`new connection: ${failure}`);
    }
  };
  await Promise.all([working, loading(), checking()]);
  return tally;
}
