/**
 * What expressions see. Nothing is made before an expression reads it, because most rules read one or
 * two facts. Maps are JavaScript Maps: a plain object with a key such as `constructor`, which clients
 * and issuers choose, is taken for something else by the evaluator.
 */
import type { Json } from '../../model/route-model.ts';
import type { Consumer, RequestFacts } from '../contract.ts';
import { readQuery } from '../read-query.ts';

/** A fact that is too large to be judged, or that nobody can know: `code` says which. */
export class FactError extends Error {
  override readonly name = 'FactError';
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Larger than any client may send (`gateway.maxRequestHeadersKb`), so only what an issuer or key store says can exceed it. */
const MAX_CLAIM_VALUES = 5_000;
const MAX_CLAIM_DEPTH = 16;

export class RequestView {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly scheme: string;
  readonly #facts: RequestFacts;
  #query: ReadonlyMap<string, string> | undefined;
  #headers: ReadonlyMap<string, string> | undefined;

  constructor(facts: RequestFacts) {
    this.#facts = facts;
    this.method = facts.method;
    this.path = facts.path;
    this.host = facts.hostname;
    this.scheme = facts.scheme;
  }

  get query(): ReadonlyMap<string, string> {
    return (this.#query ??= readQuery(this.#facts.query));
  }

  get headers(): ReadonlyMap<string, string> {
    return (this.#headers ??= new Map(this.#facts.headers));
  }
}

/** Without authentication everybody is `anonymous`. Texts that there are none of are empty, so that comparing them is no error. */
export class ConsumerView {
  readonly id: string;
  readonly kind: string;
  readonly issuer: string;
  readonly plan: string;
  readonly scopes: readonly string[];
  readonly #consumer: Consumer | null;

  constructor(consumer: Consumer | null) {
    this.#consumer = consumer;
    this.id = consumer?.id ?? 'anonymous';
    this.kind = consumer?.kind ?? 'anonymous';
    this.issuer = consumer?.issuer ?? '';
    this.plan = consumer?.plan ?? '';
    this.scopes = consumer?.scopes ?? [];
  }

  get claims(): ReadonlyMap<string, unknown> {
    return this.#consumer === null ? NO_CLAIMS : claimsOf(this.#consumer);
  }
}

const NO_CLAIMS: ReadonlyMap<string, unknown> = new Map();
/** A consumer is kept as long as its verified credential, and so are its claims in this form, or that they have none. */
const claims = new WeakMap<Consumer, ReadonlyMap<string, unknown> | FactError>();

function claimsOf(consumer: Consumer): ReadonlyMap<string, unknown> {
  let view = claims.get(consumer);
  if (view === undefined) {
    view = readClaims(consumer.claims);
    claims.set(consumer, view);
  }
  if (view instanceof FactError) throw view;
  return view;
}

function readClaims(all: Consumer['claims']): ReadonlyMap<string, unknown> | FactError {
  const left = { values: MAX_CLAIM_VALUES };
  try {
    return new Map(Object.entries(all).map(([name, value]) => [name, toValue(value, left, 0)]));
  } catch (error) {
    if (error instanceof FactError) return error;
    throw error;
  }
}

function toValue(json: Json, left: { values: number }, depth: number): unknown {
  left.values -= 1;
  if (left.values < 0 || depth > MAX_CLAIM_DEPTH) throw new FactError('claims_too_large');
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return json.map((item: Json) => toValue(item, left, depth + 1));
  return new Map(Object.entries(json).map(([name, value]) => [name, toValue(value, left, depth + 1)]));
}

/** The variables of one evaluation, by name. */
export class FactsView {
  readonly #facts: RequestFacts;
  readonly #consumer: Consumer | null | 'unknown';
  readonly #nowMs: number | 'unknown';
  #request: RequestView | undefined;
  #caller: ConsumerView | undefined;

  /** `unknown`: whoever reads it fails with the code `unknown`, and CEL's `&&` and `||` decide without it where they can. */
  constructor(facts: RequestFacts, consumer: Consumer | null | 'unknown', nowMs: number | 'unknown') {
    this.#facts = facts;
    this.#consumer = consumer;
    this.#nowMs = nowMs;
  }

  get request(): RequestView {
    return (this.#request ??= new RequestView(this.#facts));
  }

  get consumer(): ConsumerView {
    if (this.#consumer === 'unknown') throw new FactError('unknown');
    return (this.#caller ??= new ConsumerView(this.#consumer));
  }

  get claims(): ReadonlyMap<string, unknown> {
    return this.consumer.claims;
  }

  get address(): string {
    return this.#facts.clientIp;
  }

  get country(): string {
    return this.#facts.place?.country ?? '';
  }

  get now(): Date {
    if (this.#nowMs === 'unknown') throw new FactError('unknown');
    return new Date(this.#nowMs);
  }
}
