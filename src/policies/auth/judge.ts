/** What several methods together say of one request. No side effects: who asks applies what comes out. */
import { GatewayError } from '../../diagnostics/errors.ts';
import { denialAnswer, refusesCredential } from '../authentication/denial-answer.ts';
import type { AuthMethod, AuthRequest, AuthVerdict, HeaderEdit } from '../authentication/method.ts';
import type { Consumer } from '../contract.ts';

export const ANONYMOUS: Consumer = {
  id: 'anonymous',
  kind: 'anonymous',
  issuer: null,
  plan: null,
  scopes: [],
  claims: {},
};

type Denial = Extract<AuthVerdict, { kind: 'deny' }>;
export type Passed = {
  readonly consumer: Consumer | null;
  readonly edits: readonly HeaderEdit[];
  /** The query that goes on; absent: the request's own. */
  readonly query?: string | null;
  /** Another credential beside the one that was good was refused: who guesses brings a good one along. */
  readonly hasRefused?: true;
};

/** `error`: of a method that could not be asked. */
export type Judgement =
  | { readonly passed: Passed }
  | { readonly denials: readonly Denial[]; readonly error: GatewayError | null };

/**
 * The first that lets the request pass. A method that cannot be asked ends nothing: another may know the
 * caller; but when none does, nobody can say that the request was wrong.
 */
export async function judgeAny(methods: readonly AuthMethod[], request: AuthRequest): Promise<Judgement> {
  const denials: Denial[] = [];
  const refused: AuthMethod[] = [];
  let error: GatewayError | null = null;
  for (const method of methods) {
    try {
      const answer = method.check(request);
      const verdict = answer instanceof Promise ? await answer : answer;
      if (verdict.kind === 'allow') {
        const passed = withoutUnproven(verdict, { by: method, methods, request });
        return { passed: showsMore(refused, method, request) ? { ...passed, hasRefused: true } : passed };
      }
      denials.push(verdict);
      if (refusesCredential(verdict, request.facts.headers)) refused.push(method);
    } catch (thrown) {
      if (!(thrown instanceof GatewayError)) throw thrown;
      error ??= thrown;
    }
  }
  return { denials, error };
}

/** A credential that stands where the good one does is that one, which the other method cannot read. */
function showsMore(refused: readonly AuthMethod[], by: AuthMethod, { facts }: AuthRequest): boolean {
  if (refused.length === 0) return false;
  const good = new Set(by.shown?.(facts).map(({ place }) => place));
  return refused.some((method) => method.shown?.(facts).some(({ place }) => !good.has(place)) ?? false);
}

/**
 * Credentials of the other methods are taken out: nobody has verified them, and a backend behind a
 * gateway may believe that somebody did. What stands where the one that let pass looked is its own.
 */
function withoutUnproven(
  passed: Passed,
  { by, methods, request }: { by: AuthMethod; methods: readonly AuthMethod[]; request: AuthRequest },
): Passed {
  if (methods.length === 1 || by.shown === undefined) return passed;
  const { headers } = request.facts;
  const done = new Set(by.shown(request.facts).map(({ place }) => place));
  const written = new Set(passed.edits.map(({ name }) => name));
  const edits = [...passed.edits];
  let query = passed.query === undefined ? request.facts.query : passed.query;
  for (const method of methods) {
    if (method === by) continue;
    for (const shown of method.shown?.({ headers, query }) ?? []) {
      if (done.has(shown.place)) continue;
      done.add(shown.place);
      edits.push(...shown.edits.filter(({ name }) => name === 'cookie' || !written.has(name)));
      if (shown.query !== undefined) ({ query } = shown);
    }
  }
  return { ...passed, edits, ...(query !== request.facts.query && { query }) };
}

/**
 * All of them; the first that says who is calling names the consumer. Each sees the request as it came,
 * but for the query, of which each may take a part.
 */
export async function judgeAll(methods: readonly AuthMethod[], request: AuthRequest): Promise<Judgement> {
  const edits: HeaderEdit[] = [];
  const denials: Denial[] = [];
  let consumer: Consumer | null = null;
  let { query } = request.facts;
  for (const method of methods) {
    const answer = method.check(withQuery(request, query));
    const verdict = answer instanceof Promise ? await answer : answer;
    if (verdict.kind === 'deny') {
      denials.push(verdict);
      // What is missing may be forgiven if all is; what is bad never is.
      if (!verdict.isMissing) break;
      continue;
    }
    consumer ??= verdict.consumer;
    edits.push(...verdict.edits);
    if (verdict.query !== undefined) ({ query } = verdict);
  }
  if (denials.length > 0) return { denials, error: null };
  return { passed: { consumer, edits, ...(query !== request.facts.query && { query }) } };
}

function withQuery(request: AuthRequest, query: string | null): AuthRequest {
  return query === request.facts.query ? request : { ...request, facts: { ...request.facts, query } };
}

export type Settled = { readonly passed: Passed } | { readonly refusal: GatewayError | Response };

/** @param count of all methods; with `optional` a request that showed nothing to any of them passes */
export function settle(
  judgement: Judgement,
  { count, optional }: { readonly count: number; readonly optional: boolean },
): Settled {
  if ('passed' in judgement) return judgement;
  const { denials, error } = judgement;
  const isBare = error === null && denials.every(({ isMissing }) => isMissing);
  if (optional && isBare && denials.length === count) return { passed: { consumer: ANONYMOUS, edits: [] } };
  const shown = denials.filter(({ isMissing }) => !isMissing).toSorted((a, b) => b.answer.status - a.answer.status);
  // A caller who is known and may not (403) is told so, whatever becomes of another method.
  const forbidden = shown.find(({ answer }) => answer.status === 403);
  const worst = forbidden ?? (error === null ? shown[0] : undefined);
  return { refusal: worst === undefined ? (error ?? nothingShown(denials)) : denialAnswer(worst) };
}

/** Every way that is open is named. */
function nothingShown(denials: readonly Denial[]): GatewayError | Response {
  const [only] = denials;
  if (denials.length === 1 && only !== undefined) return denialAnswer(only);
  const challenges = [...new Set(denials.flatMap(({ challenge }) => challenge ?? []))];
  return new GatewayError(401, 'credentials-missing', 'This route needs credentials.', {
    headers: challenges.length === 0 ? {} : { 'www-authenticate': challenges.join(', ') },
  });
}
