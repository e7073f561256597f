/** Asks the rules and refuses what they refuse; the answer never says which rule it was. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Json } from '../../model/route-model.ts';
import type { GatewayContext, PolicyHandler, PolicyRuntime } from '../contract.ts';
import { judge, prepareAuthorize, type Decision } from './decide.ts';
import { decodeAuthorize } from './decode.ts';
import { FactsView } from './facts-view.ts';

/** A rule that fails does so for many requests; the log needs to hear of it, not once per request. */
const LOG_INTERVAL_MS = 10_000;

export const authorizeHandler: PolicyHandler = {
  name: 'authorize',
  create(json: Json, runtime: PolicyRuntime) {
    const { enforced, trial, dryRun } = prepareAuthorize(decodeAuthorize(json), runtime.regex);
    const logError = createErrorLog(runtime);
    return (c, next) => {
      const consumer = c.get('consumer');
      const view = new FactsView(c.get('facts'), consumer, runtime.now());
      const decision: Decision = dryRun ? { kind: 'allow', rule: null } : judge(enforced, view, consumer);
      // A budget of its own: what is only tried must not make what decides fail.
      if (trial !== null) logTrial(judge(trial, view, consumer), decision, c, runtime);
      if (decision.kind === 'allow') return next();
      if (decision.kind === 'error') logError(decision, c);
      throw refusal(decision, c);
    };
  },
};

function refusal(decision: Exclude<Decision, { kind: 'allow' }>, c: GatewayContext): GatewayError {
  if (decision.kind === 'error') {
    return new GatewayError(403, 'authorize-error', 'Whether this request is allowed could not be decided.');
  }
  const { reason, scope } = decision;
  const extensions = reason === null ? {} : { reason };
  if (scope === null) return new GatewayError(403, 'access-denied', 'This request is not allowed.', { extensions });
  c.get('outgoing').expose('WWW-Authenticate');
  // RFC 6750 §3.1: the scopes that would have been enough.
  const challenge = `Bearer error="insufficient_scope", scope="${scope.join(' ')}"`;
  const options = { headers: { 'www-authenticate': challenge }, extensions };
  return new GatewayError(
    403,
    'insufficient-scope',
    'The credential does not have the scope for this request.',
    options,
  );
}

/** One line per request whose outcome the rules of the dry run would change. */
function logTrial(trial: Decision, actual: Decision, c: GatewayContext, { log }: PolicyRuntime): void {
  const would = trial.kind === 'allow' ? 'allow' : 'deny';
  if (would === (actual.kind === 'allow' ? 'allow' : 'deny')) return;
  log('authorize-dry-run', {
    requestId: c.get('facts').requestId,
    route: c.get('route').id,
    would,
    rule: trial.rule,
    code: codeOf(trial),
    reason: trial.kind === 'deny' ? trial.reason : trial.kind === 'error' ? trial.error : null,
  });
}

function codeOf(decision: Decision): string | null {
  if (decision.kind === 'allow') return null;
  if (decision.kind === 'error') return 'authorize-error';
  return decision.scope === null ? 'access-denied' : 'insufficient-scope';
}

/** The error's code only: its message may quote the request. */
function createErrorLog({ log, now }: PolicyRuntime) {
  let lastMs = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  return ({ rule, error }: { rule: string; error: string }, c: GatewayContext): void => {
    const nowMs = now();
    // A clock set back must not silence the log, hence the absolute difference.
    if (Math.abs(nowMs - lastMs) < LOG_INTERVAL_MS) {
      suppressed += 1;
      return;
    }
    log('authorize-error', { requestId: c.get('facts').requestId, route: c.get('route').id, rule, error, suppressed });
    lastMs = nowMs;
    suppressed = 0;
  };
}
