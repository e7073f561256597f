/** What the Worker gets of the method `basic`. */
export type CompiledBasic = {
  readonly realm: string;
  /** The upstream gets `Authorization` too. */
  readonly forward?: true;
};
