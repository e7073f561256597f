/** One request being served: what is known about it so far. */
import type { RequestFacts } from '../policies/contract.ts';
import type { LoadedRoute } from './chain.ts';
import type { PolicyRequest } from './policy-request.ts';
import type { ProgramView } from './program-view.ts';
import type { WaitUntil } from './upstream/pipe.ts';
import type { HeaderChange } from './upstream/header-mutations.ts';
import type { TemplateContext } from './upstream/header-template.ts';

export type Exchange = {
  readonly raw: Request;
  readonly waitUntil: WaitUntil;
  view: ProgramView | null;
  facts: RequestFacts | null;
  matched: MatchedExchange | null;
};

/** From the moment a route was chosen. */
export type MatchedExchange = {
  readonly view: ProgramView;
  /** Changes at most once, when authentication changed request headers. */
  loaded: LoadedRoute;
  readonly template: TemplateContext;
  /** Answer headers of the backend that was chosen. */
  backendHeaders: HeaderChange | null;
  /** The request as policies see it; null: the route has none. */
  guarded: PolicyRequest | null;
  /** The answer is the backend's. */
  isForwarded: boolean;
  /** Breaks the connection to the backend after an upgrade; null: there was none. */
  dropUpstream: (() => void) | null;
};
