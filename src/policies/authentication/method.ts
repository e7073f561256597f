/**
 * A way of proving who is calling: `jwt`, `api-key`, `basic`, `external`. Not a policy by itself: the
 * policies `auth` (any or all of several methods) and `filters` (chains of AES Filters) ask them.
 *
 * A method is one folder: `options.ts`, `compiled.ts`, `lower.ts` (build time) and `method.ts` (request
 * time), named in method-lowerings.ts and methods.ts. This file is imported by both sides and holds types only.
 */
import type { GatewayError } from '../../diagnostics/errors.ts';
import type { Json } from '../../model/route-model.ts';
import type { Consumer, LowerContext, PolicyRuntime, RequestBody, RequestFacts } from '../contract.ts';

/** What a method may look at. */
export type AuthRequest = {
  readonly facts: RequestFacts;
  readonly body: RequestBody;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly routeId: string;
  /** Scopes that this use of the method demands besides its own. */
  readonly scopes: readonly string[];
};

/** Applied in order to the headers that go on; `value` null removes the header. Names lower case. */
export type HeaderEdit = {
  readonly name: string;
  readonly value: string | null;
  readonly append?: true;
  /** Only the cookies of this name go, of the header `cookie`; each way that has one takes its own. */
  readonly cookie?: string;
  /** The credential itself is taken away, which tells routes nothing new: they are not looked for again. */
  readonly credential?: true;
};

export type AuthVerdict =
  | {
      readonly kind: 'allow';
      /** null: the method lets the request pass without saying who it is. */
      readonly consumer: Consumer | null;
      readonly edits: readonly HeaderEdit[];
      /** Raw query that goes on in place of the request's, null for none; absent: unchanged. A credential was taken out of it. */
      readonly query?: string | null;
    }
  | {
      readonly kind: 'deny';
      /** No credential of this method was shown at all: `optional` and `anyOf` may go on. Any shown one that is bad is not missing. */
      readonly isMissing: boolean;
      /** Nobody can say whether a credential was shown: an external service judged whatever it was sent. */
      readonly isOpaque?: true;
      /** Stable kebab-case, as in the answer's problem body. */
      readonly code: string;
      /** For `WWW-Authenticate`; null: this method has none. Several methods' challenges are sent together. */
      readonly challenge: string | null;
      /** A GatewayError is answered as a problem document; a Response goes to the client as it is. */
      readonly answer: GatewayError | Response;
    };

/** A credential in a request, good or not. */
export type ShownCredential = {
  /** Where it stands, for example `header:authorization`; methods that look there say the same. */
  readonly place: string;
  /** What takes it out of the headers that go on. */
  readonly edits: readonly HeaderEdit[];
  /** The query without it, null for none; absent: it is not there. */
  readonly query?: string | null;
};

/** One configured method of a loaded route. */
export interface AuthMethod {
  /**
   * A plain value where nothing must be waited for, so that a warm request costs no turn of the event
   * loop. Throws GatewayError when it cannot be decided (503): the request is then refused.
   */
  check(request: AuthRequest): AuthVerdict | Promise<AuthVerdict>;
  /** Every credential of this method in the request. Absent: others judge, by whatever they are sent. */
  shown?(facts: Pick<RequestFacts, 'headers' | 'query'>): readonly ShownCredential[];
}

/** Request-time half. `create` runs once per loaded route and throws when the payload is not one it understands. */
export interface AuthMethodHandler {
  readonly name: string;
  create(config: Json, runtime: PolicyRuntime): AuthMethod;
}

/** Build-time half. */
export interface AuthMethodLowering {
  readonly name: string;
  /** Authored options → compiled JSON; null after reporting why not: the route then refuses. */
  lower(options: unknown, context: LowerContext): Json | null;
  /**
   * Request headers that this configuration writes, lower case. The gateway removes them from every
   * client request, of any route, so that nobody can pretend. Headers in which clients send credentials are never named.
   */
  injectedHeaders(config: Json): readonly string[];
  /** For `explain`: which identity is demanded, one sentence without a final stop. */
  describe(config: Json): string;
}
