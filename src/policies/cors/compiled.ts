/** What the Worker gets of a `cors` policy: header values are joined at build time. */
export type CompiledCors = {
  readonly origins: readonly string[];
  /** The list held `*`. */
  readonly anyOrigin?: true;
  readonly credentials?: true;
  readonly methods?: string;
  readonly headers?: string;
  readonly exposedHeaders?: string;
  readonly maxAge?: string;
};
