/**
 * Judges the token of a request. A token seen before is judged by its times and by whether its key is still
 * in the key set: no cryptography, nothing to wait for.
 */
import type { Json } from '../../../model/route-model.ts';
import type { PolicyRuntime } from '../../contract.ts';
import type {
  AuthMethod,
  AuthMethodHandler,
  AuthRequest,
  AuthVerdict,
  HeaderEdit,
  ShownCredential,
} from '../method.ts';
import { claimsProblem, isWithin, timeProblem, validTime, type TokenProblem } from './check-claims.ts';
import type { CompiledJwt, CompiledTokenPlaces } from './compiled.ts';
import { decodeJwt } from './decode.ts';
import { deny, type DenialCode } from './deny.ts';
import { findToken, shownTokens, stripEdit } from './find-token.ts';
import { consumerOf } from './identity.ts';
import { dependOnTokenAlone, injectedEdits } from './inject-headers.ts';
import { createKeySource } from './keys/create-key-source.ts';
import type { KeySet, KeySource } from './keys/key-source.ts';
import { MAX_TOKEN_LENGTH, parseToken, type ParsedToken } from './parse-token.ts';
import { VerifiedTokenStore, type VerifiedToken, type VerifiedTokens } from './verified-tokens.ts';
import { signingKey } from './verify-signature.ts';

/** One per isolate: versions of the program come and go, tokens stay good. */
const VERIFIED = new VerifiedTokenStore();

export const jwtMethod: AuthMethodHandler = {
  name: 'jwt',
  create(json: Json, runtime: PolicyRuntime) {
    const config = decodeJwt(json);
    return new JwtMethod(config, {
      keys: createKeySource(config.keys, runtime),
      now: runtime.now,
      tokens: VERIFIED.of(JSON.stringify(config)),
    });
  },
};

type Ports = { readonly keys: KeySource; readonly now: PolicyRuntime['now']; readonly tokens: VerifiedTokens };
type Place = keyof CompiledTokenPlaces;

class JwtMethod implements AuthMethod {
  readonly #config: CompiledJwt;
  readonly #ports: Ports;
  /** The headers of a token are made once. */
  readonly #keepsHeaders: boolean;

  constructor(config: CompiledJwt, ports: Ports) {
    this.#config = config;
    this.#ports = ports;
    this.#keepsHeaders = dependOnTokenAlone(config.inject);
  }

  check(request: AuthRequest): AuthVerdict | Promise<AuthVerdict> {
    const found = findToken(this.#config.token, request.facts);
    if (found.kind === 'none') return this.#deny('credentials-missing', request);
    if (found.kind === 'many') return this.#deny('credentials-multiple', request);
    const { text, place } = found;
    if (text.length > MAX_TOKEN_LENGTH) return this.#deny('credential-too-large', request);
    const known = this.#ports.tokens.get(text);
    return known === null ? this.#judge(text, place, request) : this.#judgeAgain(known, place, request);
  }

  shown(facts: Pick<AuthRequest['facts'], 'headers' | 'query'>): readonly ShownCredential[] {
    return shownTokens(this.#config.token, facts);
  }

  #judgeAgain(known: VerifiedToken, place: Place, request: AuthRequest): AuthVerdict | Promise<AuthVerdict> {
    const set = this.#ports.keys.current(request.waitUntil);
    if (set instanceof Promise) return set.then((ready) => this.#judgeBy(ready, known, place, request));
    return this.#judgeBy(set, known, place, request);
  }

  #judgeBy(set: KeySet, known: VerifiedToken, place: Place, request: AuthRequest): AuthVerdict | Promise<AuthVerdict> {
    if (isWithin(known.time, this.#nowS()) && isStillKey(known, set)) return this.#allow(known, place, request);
    this.#ports.tokens.delete(known.token.text);
    return this.#judge(known.token.text, place, request);
  }

  /** Everything that costs little comes before the signature; only scopes come after it: 403 is for good tokens. */
  #judge(text: string, place: Place, request: AuthRequest): AuthVerdict | Promise<AuthVerdict> {
    const token = parseToken(text);
    if (token === null) return this.#deny('token-invalid', request, 'malformed');
    if (!this.#config.algorithms.includes(token.alg)) return this.#deny('token-invalid', request, 'unverifiable');
    const problem = claimsProblem(token, this.#config);
    if (problem !== null) return this.#deny('token-invalid', request, problem);
    const time = validTime(token.claims, this.#config);
    if (time === null) return this.#deny('token-invalid', request, 'malformed');
    const nowS = this.#nowS();
    if (!isWithin(time, nowS)) {
      return this.#deny('token-invalid', request, timeProblem(token.claims, this.#config, nowS));
    }
    return this.#verify({ token, time }, place, request);
  }

  async #verify(
    { token, time }: Pick<VerifiedToken, 'token' | 'time'>,
    place: Place,
    request: AuthRequest,
  ): Promise<AuthVerdict> {
    const signed = await signingKey(token, this.#ports.keys, request.waitUntil);
    if (signed === null) return this.#deny('token-invalid', request, 'signature');
    const entry: VerifiedToken = {
      token,
      time,
      consumer: consumerOf(token.claims, this.#config.planClaim),
      edits: this.#tokenEdits(token),
      ...signed,
    };
    this.#ports.tokens.set(entry);
    // Keys may have been waited for.
    return isWithin(time, this.#nowS())
      ? this.#allow(entry, place, request)
      : this.#deny('token-invalid', request, 'expired');
  }

  #allow({ token, consumer, edits }: VerifiedToken, place: Place, request: AuthRequest): AuthVerdict {
    const { scopes } = this.#config;
    if (!hasAll(consumer.scopes, scopes) || !hasAll(consumer.scopes, request.scopes)) {
      return deny('insufficient-scope', this.#config, request, {
        scopes: [...new Set([...scopes, ...request.scopes])],
      });
    }
    if (this.#keepsHeaders && this.#config.strip !== true) return { kind: 'allow', consumer, edits };
    return { kind: 'allow', consumer, edits: this.#requestEdits(token, edits, { place, request }) };
  }

  #tokenEdits(token: ParsedToken): readonly HeaderEdit[] {
    return this.#keepsHeaders ? injectedEdits(this.#config.inject, token, null) : [];
  }

  /** The token is taken out first: a template may write the same header anew. */
  #requestEdits(
    token: ParsedToken,
    edits: readonly HeaderEdit[],
    { place, request }: { place: Place; request: AuthRequest },
  ): readonly HeaderEdit[] {
    const { headers } = request.facts;
    const strip = this.#config.strip === true ? stripEdit(this.#config.token, place) : null;
    const injected = this.#keepsHeaders ? edits : injectedEdits(this.#config.inject, token, headers);
    return strip === null ? injected : [strip, ...injected];
  }

  #deny(code: DenialCode, request: AuthRequest, problem?: TokenProblem): AuthVerdict {
    return deny(code, this.#config, request, problem === undefined ? {} : { problem });
  }

  #nowS(): number {
    return this.#ports.now() / 1_000;
  }
}

/** The key may be gone, or may have lost the right to this algorithm. */
function isStillKey(known: VerifiedToken, set: KeySet): boolean {
  if (known.set === set) return true;
  const { key, token } = known;
  const isThere = set.keys.some(
    ({ id, kid, algorithms }) => id === key.id && kid === key.kid && algorithms.includes(token.alg),
  );
  if (isThere) known.set = set;
  return isThere;
}

function hasAll(granted: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((scope) => granted.includes(scope));
}
