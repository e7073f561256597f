/** What policies may use while nothing is sent: what cannot be known here is noticed, so that no verdict rests on it. */
import { GatewayError } from '../diagnostics/errors.ts';
import { regexMatches } from '../gateway/regex.ts';
import type { PolicyRuntime } from '../policies/contract.ts';

/** What the person who asks can say about the surroundings. All absent: nothing is known but the request. */
export type ExplainKnowledge = {
  /** Stands for the answer to every question that policies would ask an upstream. Throws: there is none. Default: nobody is asked. */
  readonly ask?: PolicyRuntime['ask'];
  readonly askPublic?: PolicyRuntime['askPublic'];
  readonly keys?: PolicyRuntime['keys'];
  readonly secret?: PolicyRuntime['secret'];
  /** Milliseconds since 1970; default the time of the call. */
  readonly now?: () => number;
};

export type OfflineRuntime = {
  readonly runtime: PolicyRuntime;
  /** Whether something was asked for that is not known, since the last call. */
  takeGap(): boolean;
};

export function createOfflineRuntime({
  ask,
  askPublic,
  keys,
  secret,
  now = Date.now,
}: ExplainKnowledge): OfflineRuntime {
  let hasGap = false;
  const unknown = (): Promise<never> => {
    hasGap = true;
    return Promise.reject(new GatewayError(503, 'not-asked', 'Nobody is asked while a request is explained.'));
  };
  return {
    runtime: {
      rateLimiter: { take: unknown },
      failOpen: 'never',
      log: () => undefined,
      now,
      ask: ask ?? unknown,
      askPublic: askPublic ?? unknown,
      keys: keys ?? { get: unknown },
      secret: (name) => {
        const value = secret?.(name) ?? null;
        hasGap ||= value === null;
        return value;
      },
      shared: null,
      regex: regexMatches,
    },
    takeGap: () => {
      const had = hasGap;
      hasGap = false;
      return had;
    },
  };
}
