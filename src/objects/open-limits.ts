/** The way of a process to the counters, by what it is bound to. */
import type { LimitCall, LimitService } from '../limits/calls.ts';
import { Lane } from './lane.ts';
import { budgetOf, type LimitClient, noLimits } from './limit-client.ts';
import { LimitHomes } from './limit-homes.ts';
import { objectCount, objectName } from './limit-objects.ts';
import type { RateLimitObject } from './rate-limit-object.ts';

/** The runtime gives up a lost connection a moment after its calls fail; until then a new call fails on it too. */
const RECONNECT_MS = 10;

export type LimitBindings = {
  /** The counters, where this process holds them. */
  readonly RATE_LIMITS?: DurableObjectNamespace<RateLimitObject>;
  /** `Limiter` of the process that holds the counters; asked instead of RATE_LIMITS. With neither, nothing can be counted. */
  readonly RATE_LIMITER?: LimitService;
  /** Over how many objects the counters are spread, see limit-objects.ts. Processes with RATE_LIMITS of one gateway must agree. */
  readonly RATE_LIMIT_OBJECTS?: string;
};

export function openLimits(bindings: LimitBindings): LimitClient {
  const { RATE_LIMITER: remote } = bindings;
  if (remote === undefined) return openObjects(bindings)?.client ?? noLimits;
  // One lane: it is one process, whatever objects it asks in turn.
  const lane = new Lane({ send: (calls) => remote.decide(calls), pauseMs: RECONNECT_MS });
  return {
    decide: (calls, waitUntil) =>
      Promise.all(calls.map((call: LimitCall) => lane.ask(call, { budgetMs: budgetOf(call), waitUntil }))),
  };
}

export type LimitObjects = {
  readonly client: LimitClient;
  /**
   * Has every object write what it has decided; what is decided afterwards is written before it is answered.
   * Why not, of each object that could not; never rejects.
   */
  readonly flush: () => Promise<readonly string[]>;
};

/** null: this process holds no counters. */
export function openObjects({ RATE_LIMITS: namespace, RATE_LIMIT_OBJECTS }: LimitBindings): LimitObjects | null {
  if (namespace === undefined) return null;
  const count = objectCount(RATE_LIMIT_OBJECTS);
  const asked = new Set<string>();
  let writesThrough = false;
  const open = (home: string) => namespace.get(namespace.idFromName(home));
  return {
    client: new LimitHomes({
      homeOf: (key) => objectName(key, count),
      send: async (home, calls) => {
        asked.add(home);
        const answers = await open(home).decide(calls);
        if (writesThrough) await open(home).flush();
        return answers;
      },
    }),
    // One that this isolate never asked has nothing unwritten: whoever else asks objects of this process has another isolate of its own.
    flush: async () => {
      writesThrough = true;
      const reasons = await Promise.all([...asked].map((home) => reasonNotWritten(home, open(home))));
      return reasons.filter((reason) => reason !== null);
    },
  };
}

/** An object whose write fails at the disk is reset, and its call is lost with it. */
async function reasonNotWritten(home: string, object: DurableObjectStub<RateLimitObject>): Promise<string | null> {
  try {
    const reason = await object.flush();
    return reason === null ? null : `${home}: ${reason}`;
  } catch (error) {
    return `${home}: ${String(error)}`;
  }
}
