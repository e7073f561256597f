/** One chain of filters on one request, as Ambassador Edge Stack runs it. */
import { GatewayError } from '../../diagnostics/errors.ts';
import { applyEdits } from '../authentication/apply-edits.ts';
import { denialAnswer, refusesCredential } from '../authentication/denial-answer.ts';
import type { AuthMethod, AuthRequest, AuthVerdict } from '../authentication/method.ts';
import type { Consumer, PolicyRuntime } from '../contract.ts';
import type { CompiledFilterUse, CompiledHeaderCondition } from './compiled.ts';

/** A use with its method, ready to be asked. */
export type ReadyUse = CompiledFilterUse & { readonly method: AuthMethod };

export type ChainOutcome =
  | {
      readonly kind: 'pass';
      /** Whom the last filter that named anyone named. */
      readonly consumer: Consumer | null;
      readonly hasChangedHeaders: boolean;
    }
  | {
      readonly kind: 'refuse';
      readonly answer: GatewayError | Response;
      /** One of the filters refused a credential that was shown, see `refusesCredential`. */
      readonly refusedCredentials: boolean;
    };

type Denial = {
  readonly kind: 'deny';
  readonly answer: GatewayError | Response;
  readonly isUndecided: boolean;
  readonly refusesCredential: boolean;
};

/**
 * Changes of headers are made at once, because conditions and filters behind see them; a refused request
 * goes nowhere. A filter that cannot decide (its keys cannot be had) counts as one that refuses. When the
 * chain refuses after such a one was passed over, its answer is given: nobody knows that the credential was bad.
 */
export async function runChain(
  chain: readonly ReadyUse[],
  request: Omit<AuthRequest, 'scopes'>,
  matches: PolicyRuntime['regex'],
): Promise<ChainOutcome> {
  const { headers } = request.facts;
  let consumer: Consumer | null = null;
  let hasChangedHeaders = false;
  let undecided: GatewayError | Response | null = null;
  let refusedCredentials = false;
  for (const { method, when, scopes = [], onDeny, onAllow } of chain) {
    if (when !== undefined && !holds(when, headers, matches)) continue;
    const asked = ask(method, { ...request, scopes });
    const verdict = asked instanceof Promise ? await asked : asked;
    if (verdict.kind === 'deny') {
      if (verdict.isUndecided) undecided ??= verdict.answer;
      refusedCredentials ||= verdict.refusesCredential;
      if (onDeny === 'continue') continue;
      return { kind: 'refuse', answer: undecided ?? verdict.answer, refusedCredentials };
    }
    consumer = verdict.consumer ?? consumer;
    hasChangedHeaders = applyEdits(verdict.edits, headers) || hasChangedHeaders;
    if (onAllow === 'break') break;
  }
  return { kind: 'pass', consumer, hasChangedHeaders };
}

type Allowed = Extract<AuthVerdict, { kind: 'allow' }>;

/** A plain value where the method gives one. Rethrows what is not a GatewayError: that would be a bug, not an answer. */
function ask(method: AuthMethod, request: AuthRequest): Allowed | Denial | Promise<Allowed | Denial> {
  try {
    const verdict = method.check(request);
    const judge = (said: AuthVerdict): Allowed | Denial => judged(said, request.facts.headers);
    return verdict instanceof Promise ? verdict.then(judge, undecidedBy) : judge(verdict);
  } catch (error) {
    return undecidedBy(error);
  }
}

function judged(verdict: AuthVerdict, headers: Headers): Allowed | Denial {
  if (verdict.kind === 'allow') return verdict;
  const refuses = refusesCredential(verdict, headers);
  return { kind: 'deny', answer: denialAnswer(verdict), isUndecided: false, refusesCredential: refuses };
}

function undecidedBy(error: unknown): Denial {
  if (!(error instanceof GatewayError)) throw error;
  return { kind: 'deny', answer: error, isUndecided: true, refusesCredential: false };
}

function holds(
  { name, value, regex, negate }: CompiledHeaderCondition,
  headers: Headers,
  matches: PolicyRuntime['regex'],
): boolean {
  const found = headers.get(name) ?? '';
  const isTrue = value !== undefined ? found === value : regex !== undefined ? matches(regex, found) : found !== '';
  return isTrue !== (negate === true);
}
