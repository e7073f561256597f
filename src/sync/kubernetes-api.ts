/** Port to a Kubernetes API server. */

export type ApiCall = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** For example `/apis/getambassador.io/v3alpha1/mappings`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of the body; default `application/json`. */
  readonly contentType?: string;
};

export interface KubernetesApi {
  /** Parsed JSON. Throws ApiError for an answer of 400 or more, ApiUnreachable when there is none. */
  request(call: ApiCall, signal?: AbortSignal): Promise<unknown>;
  /**
   * One parsed JSON value a line, until the server ends the answer. Throws as request() does, also when
   * the connection breaks in the middle; ends without an error when aborted.
   */
  stream(call: ApiCall, signal: AbortSignal): AsyncIterable<unknown>;
}

export type ApiErrorFacts = {
  readonly status: number;
  /** `reason` of the Status object, for example `Expired`. */
  readonly reason: string | null;
  /** What `Retry-After` asks for. */
  readonly retryAfterMs: number | null;
};

/** The server said no. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string | null;
  readonly retryAfterMs: number | null;

  constructor(message: string, { status, reason, retryAfterMs }: ApiErrorFacts) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer, or only a part of one. */
export class ApiUnreachable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiUnreachable';
  }
}
