/** Why a stored value was not accepted. Stable words: they go to logs and metrics. */
export type RejectReason =
  /** The pointer or an index names a value that the store does not have. */
  | 'missing'
  /** The text is not the one its key promises: truncated, altered, or stored under a wrong name. */
  | 'hash-mismatch'
  | 'not-json'
  /** Written by a version of Portolan whose values this one does not know how to read. */
  | 'unknown-format'
  /** JSON of a known format, but not of its shape: serving it could crash or misroute. */
  | 'malformed'
  /** A verification key is set and the pointer has no signature. */
  | 'unsigned'
  | 'bad-signature'
  /** Nothing is wrong with it, but this process cannot reach upstreams that it adds. */
  | 'upstream-unbound';

/** A stored value that must not be used. The reader keeps the program it has. */
export class ProgramRejected extends Error {
  override readonly name = 'ProgramRejected';
  readonly reason: RejectReason;
  readonly key: string;

  constructor(reason: RejectReason, key: string, detail: string) {
    super(`${key}: ${detail}`);
    this.reason = reason;
    this.key = key;
  }
}
