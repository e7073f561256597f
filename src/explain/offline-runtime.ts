/** What policies may use while nothing is sent: what cannot be known here is noticed, so that no verdict rests on it. */
import { GatewayError } from '../diagnostics/errors.ts';
import { regexMatches } from '../gateway/regex.ts';
import type { PolicyRuntime } from '../policies/contract.ts';
import type { RouteProgram } from '../program/route-program.ts';
import { answerKeySets } from './key-set-answers.ts';

/** What the person who asks can say about the surroundings. All absent: nothing is known but the request. */
export type ExplainKnowledge = {
  /** Text of a JWK set that stands for every one the program would fetch, discovery included. Default: see `ask`. */
  readonly keySet?: string;
  /** Stands for the answer to every other question that policies would ask an upstream. Throws: there is none. Default: nobody is asked. */
  readonly ask?: PolicyRuntime['ask'];
  readonly askPublic?: PolicyRuntime['askPublic'];
  readonly keys?: PolicyRuntime['keys'];
  readonly secret?: PolicyRuntime['secret'];
  /** Milliseconds since 1970; default the time of the call. */
  readonly now?: () => number;
};

/** What was asked for and is not known here. */
export type Gap = 'upstream' | 'keys' | 'secret' | 'limiter';

export type OfflineRuntime = {
  /** One of its own for every question: methods remember by it what failed, and would not ask again at once. */
  createRuntime(): PolicyRuntime;
  /** The first thing that was asked for and is not known, since the last call; null: everything was. */
  takeGap(): Gap | null;
};

export function createOfflineRuntime(knowledge: ExplainKnowledge, program: RouteProgram): OfflineRuntime {
  const { keySet, keys, secret, now = Date.now } = knowledge;
  let gap: Gap | null = null;
  const unknown = (what: Gap) => (): Promise<never> => {
    gap ??= what;
    return Promise.reject(new GatewayError(503, 'not-asked', 'Nobody is asked while a request is explained.'));
  };
  const { ask = unknown('upstream'), askPublic = unknown('upstream') } = knowledge;
  const getKey = keys === undefined ? unknown('keys') : (name: string) => keys.get(name);
  const keySetAt = keySet === undefined ? null : answerKeySets(program, keySet);
  return {
    createRuntime: () => ({
      rateLimiter: { take: unknown('limiter'), reserve: unknown('limiter'), charge: () => undefined },
      fence: () => ({ limit: unknown('limiter') }),
      failOpen: 'never',
      log: () => undefined,
      now,
      ask: (target, path, init) => {
        const answer = keySetAt?.(target, path) ?? null;
        return answer === null ? ask(target, path, init) : Promise.resolve(answer);
      },
      askPublic,
      keys: { get: getKey },
      secret: (name) => {
        const value = secret?.(name) ?? null;
        if (value === null) gap ??= 'secret';
        return value;
      },
      shared: null,
      regex: regexMatches,
    }),
    takeGap: () => {
      const had = gap;
      gap = null;
      return had;
    },
  };
}
