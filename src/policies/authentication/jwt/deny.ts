/** What a refused request gets: RFC 6750 challenges, and the answer of the configuration's template or a problem document. */
import { GatewayError } from '../../../diagnostics/errors.ts';
import type { Template } from '../../go-template/template.ts';
import { executeTemplate } from '../../go-template/execute.ts';
import { GoStruct, TemplateError } from '../../go-template/value.ts';
import type { AuthRequest, AuthVerdict } from '../method.ts';
import type { TokenProblem } from './check-claims.ts';
import type { CompiledJwt } from './compiled.ts';
import { safeHeaderValue } from '../../header-value.ts';

type Denial = {
  readonly status: number;
  /** The same for every reason, so that an answer teaches an attacker nothing. */
  readonly detail: string;
  /** RFC 6750 §3.1; null: nothing was shown that could be wrong. */
  readonly error: string | null;
};

const DENIALS = {
  'credentials-missing': {
    status: 401,
    detail: 'This request needs a bearer token.',
    error: null,
  },
  'token-invalid': { status: 401, detail: 'The token is not valid.', error: 'invalid_token' },
  'credentials-multiple': {
    status: 400,
    detail: 'The request has more than one token.',
    error: 'invalid_request',
  },
  'credential-too-large': {
    status: 431,
    detail: 'The token is too large.',
    error: 'invalid_request',
  },
  'insufficient-scope': {
    status: 403,
    detail: 'The token does not grant what this request needs.',
    error: 'insufficient_scope',
  },
} as const satisfies Readonly<Record<string, Denial>>;

/** The stable code of the answer. */
export type DenialCode = keyof typeof DENIALS;

export type DenialFacts = {
  /** For error templates. */
  readonly problem?: TokenProblem;
  /** All that were demanded; named in the challenge. */
  readonly scopes?: readonly string[];
};

export function deny(
  code: DenialCode,
  config: CompiledJwt,
  request: AuthRequest,
  facts: DenialFacts = {},
): AuthVerdict {
  const denial: Denial = DENIALS[code];
  const challenge = challengeOf(denial, config, facts.scopes ?? []);
  const answer = templated(denial, config, request, { problem: facts.problem ?? null, challenge });
  return {
    kind: 'deny',
    isMissing: code === 'credentials-missing',
    code,
    challenge,
    answer: answer ?? new GatewayError(denial.status, code, denial.detail),
  };
}

/** RFC 6750 §3: at least one parameter; no error for a request that showed no token. */
function challengeOf({ error, detail }: Denial, { realm }: CompiledJwt, scopes: readonly string[]): string {
  const parameters = [`realm="${realm}"`];
  if (error !== null) parameters.push(`error="${error}"`, `error_description="${detail.replace(/\.$/, '')}"`);
  if (scopes.length > 0) parameters.push(`scope="${scopes.join(' ')}"`);
  return `Bearer ${parameters.join(', ')}`;
}

/** Bits of the Go library whose errors Ambassador's templates see. */
const ERROR_BITS: Readonly<Record<TokenProblem, bigint>> = {
  malformed: 1n,
  unverifiable: 2n,
  signature: 4n,
  audience: 8n,
  expired: 16n,
  'issued-at': 32n,
  issuer: 64n,
  'not-yet': 128n,
  claims: 512n,
};

type TemplateFacts = { readonly problem: TokenProblem | null; readonly challenge: string };

/** null: there is no template, or it failed; a problem document is then the answer. */
function templated(
  denial: Denial,
  { errorResponse }: CompiledJwt,
  { facts }: AuthRequest,
  { problem, challenge }: TemplateFacts,
): Response | null {
  if (errorResponse === undefined) return null;
  const data = errorData(denial, facts.requestId, problem);
  const body = textOf(errorResponse.body, data);
  if (body === null) return null;
  const headers = new Headers({ 'cache-control': 'no-store', 'x-request-id': facts.requestId });
  for (const { name, value } of errorResponse.headers) {
    const text = textOf(value, data);
    const safe = text === null ? null : safeHeaderValue(text);
    if (safe !== null) headers.set(name, safe);
  }
  headers.set('www-authenticate', challenge);
  // Bytes, so that no content type is made up.
  return new Response(facts.method === 'HEAD' ? null : new TextEncoder().encode(body), {
    status: denial.status,
    headers,
  });
}

export function errorData(
  { status, detail }: Pick<Denial, 'status' | 'detail'>,
  requestId: string,
  problem: TokenProblem | null,
): GoStruct {
  const code = BigInt(status);
  const validation = problem === null ? undefined : new GoStruct({ Errors: ERROR_BITS[problem] }, { text: detail });
  return new GoStruct(
    {
      status_code: code,
      httpStatus: code,
      message: detail,
      error: new GoStruct({ ValidationError: validation, Error: detail }, { shown: {}, text: detail }),
      request_id: requestId,
      requestId,
    },
    { shown: { status_code: code, message: detail } },
  );
}

function textOf(template: Template, data: GoStruct): string | null {
  try {
    const { text, isSkipped } = executeTemplate(template, data);
    return isSkipped ? null : text;
  } catch (error) {
    if (error instanceof TemplateError) return null;
    throw error;
  }
}
