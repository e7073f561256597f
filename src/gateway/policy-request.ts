/** What the policies of a route know and say of one request. */
import type { Consumer, Counting, PolicyContext, RequestFacts } from '../policies/contract.ts';
import { OutgoingHeaderLog } from '../policies/outgoing-headers.ts';
import type { CompiledRoute } from '../program/route-program.ts';
import { runAll } from './answer-end.ts';
import { createRequestBody, type PeekedBody } from './request-body.ts';
import type { WaitUntil } from './upstream/pipe.ts';

type Asked = {
  readonly raw: Request;
  readonly facts: RequestFacts;
  readonly route: CompiledRoute;
  readonly waitUntil: WaitUntil;
};

/** A class, because one is made for every request: methods cost nothing then. */
export class PolicyRequest implements PolicyContext {
  facts: RequestFacts;
  route: CompiledRoute;
  consumer: Consumer | null = null;
  rematch = false;
  refusedCredentials = false;
  counting: Counting | null = null;
  passedFilters: Set<string> | null = null;
  readonly outgoing = new OutgoingHeaderLog();
  readonly waitUntil: WaitUntil;
  /** To be run once when the answer is over, see answer-end.ts. */
  readonly ends: (() => void)[] = [];
  readonly #raw: Request;
  #body: PeekedBody | null = null;
  #isAuthenticated = false;
  #whenAuthenticated: (() => void)[] | null = null;
  #whenAnswered: ((headers: Headers) => void)[] | null = null;

  constructor({ raw, facts, route, waitUntil }: Asked) {
    this.#raw = raw;
    this.facts = facts;
    this.route = route;
    this.waitUntil = waitUntil;
  }

  get body(): PeekedBody {
    this.#body ??= createRequestBody(this.#raw);
    return this.#body;
  }

  /** All of the body, if a policy looked at it; null: the request's own is still whole. */
  restOfBody(): ReadableStream<Uint8Array> | null {
    return this.#body?.rest() ?? null;
  }

  afterAuthentication(work: () => void): void {
    if (this.#isAuthenticated) work();
    else (this.#whenAuthenticated ??= []).push(work);
  }

  /** Nothing more will be found out about who is calling. */
  endAuthentication(): void {
    this.#isAuthenticated = true;
    runAll(this.#whenAuthenticated ?? []);
  }

  onAnswer(work: (headers: Headers) => void): void {
    (this.#whenAnswered ??= []).push(work);
  }

  /** The route has made this answer. */
  answered(answer: Response): void {
    if (this.#whenAnswered !== null) runAll(this.#whenAnswered, answer.headers);
  }

  atEnd(work: () => void): void {
    this.ends.push(work);
  }
}
