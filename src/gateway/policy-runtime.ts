/** What policies may use, made of the process's ports and the program's settings. */
import type { GatewaySettings } from '../model/route-model.ts';
import type { PolicyPorts, PolicyRuntime } from '../policies/contract.ts';
import { regexMatches } from './regex.ts';
import { askUpstream } from './upstream/ask-upstream.ts';
import type { Backends } from './upstream/forward.ts';

export type PolicyProcess = PolicyPorts & {
  readonly backends: Backends;
  /** Default Date.now. */
  readonly now?: () => number;
};

export function createPolicyRuntime(
  { backends, now = Date.now, rateLimiter, fence, log, askPublic, keys, secret, shared }: PolicyProcess,
  { failOpen }: Pick<GatewaySettings, 'failOpen'>,
): PolicyRuntime {
  return {
    rateLimiter,
    fence,
    log,
    askPublic,
    keys,
    secret,
    shared,
    failOpen,
    now,
    ask: (target, path, init) => askUpstream(backends, target, path, init),
    regex: regexMatches,
  };
}
