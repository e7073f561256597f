/** Error classes shared by all programs. Input problems are findings, not errors: see finding.ts. */

/** A mistake the person at the keyboard can fix; the message is the remedy. The CLI exits with `exitCode`. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export type GatewayErrorOptions = {
  /** Extra response headers, for example `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem body. Never a secret, never a token. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** The failure underneath, for the log only. */
  readonly cause?: unknown;
  /** `upstream` when the backend failed, `gateway` when we said no. */
  readonly origin?: 'gateway' | 'upstream';
};

/**
 * A request the gateway answers itself. Mapped in one place (gateway/problem.ts) to
 * `application/problem+json` (RFC 9457) with `code`, `requestId` and `configVersion`.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly status: number;
  /** Stable kebab-case code, see `docs/errors.md`; the same word goes to log, metric and trace. */
  readonly code: string;
  readonly options: GatewayErrorOptions;

  constructor(status: number, code: string, detail: string, options: GatewayErrorOptions = {}) {
    super(detail, { cause: options.cause });
    this.status = status;
    this.code = code;
    this.options = options;
  }
}
