/** What the Worker gets of an `ip` policy. */
export type CompiledIp = {
  readonly allow?: CompiledAddresses;
  readonly deny?: CompiledAddresses;
};

/** Ranges in canonical text form with their length, sorted, without those that another one covers. Never both absent. */
export type CompiledAddresses = {
  /** About RequestFacts.clientIp. */
  readonly client?: readonly string[];
  /** About RequestFacts.peerIp. */
  readonly peer?: readonly string[];
};
