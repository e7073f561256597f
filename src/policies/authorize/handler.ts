/** Asks the rules and refuses what they refuse; the answer never says which rule it was. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Json } from '../../model/route-model.ts';
import type { PolicyContext, PolicyHandler, PolicyRuntime } from '../contract.ts';
import { logSparsely } from '../sparse-log.ts';
import { judge, prepareAuthorize, type Decision } from './decide.ts';
import { decodeAuthorize } from './decode.ts';
import { FactsView } from './facts-view.ts';

export const authorizeHandler: PolicyHandler = {
  name: 'authorize',
  create(json: Json, runtime: PolicyRuntime) {
    const { enforced, trial, dryRun } = prepareAuthorize(decodeAuthorize(json), runtime.regex);
    return (context) => {
      const { facts, consumer } = context;
      const view = new FactsView(facts, consumer, runtime.now());
      const decision: Decision = dryRun ? { kind: 'allow', rule: null } : judge(enforced, view, consumer);
      // A budget of its own: what is only tried must not make what decides fail.
      if (trial !== null) logTrial(judge(trial, view, consumer), decision, context, runtime);
      if (decision.kind === 'allow') return null;
      if (decision.kind === 'error') {
        const { rule, error } = decision;
        const { id } = context.route;
        // The error's code only: its message may quote the request.
        const fields = { requestId: facts.requestId, route: id, rule, error };
        logSparsely(runtime, 'authorize-error', fields, id);
      }
      throw refusal(decision, context);
    };
  },
};

function refusal(decision: Exclude<Decision, { kind: 'allow' }>, context: PolicyContext): GatewayError {
  if (decision.kind === 'error') {
    return new GatewayError(403, 'authorize-error', 'Whether this request is allowed could not be decided.');
  }
  const { reason, scope } = decision;
  const extensions = reason === null ? {} : { reason };
  if (scope === null) return new GatewayError(403, 'access-denied', 'This request is not allowed.', { extensions });
  context.outgoing.expose('WWW-Authenticate');
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
function logTrial(trial: Decision, actual: Decision, context: PolicyContext, { log }: PolicyRuntime): void {
  const would = trial.kind === 'allow' ? 'allow' : 'deny';
  if (would === (actual.kind === 'allow' ? 'allow' : 'deny')) return;
  log('authorize-dry-run', {
    requestId: context.facts.requestId,
    route: context.route.id,
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
