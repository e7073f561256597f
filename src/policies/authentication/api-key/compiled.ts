/** What the Worker gets of the method `api-key`. */
import type { KeyEnvironment } from '../../../keys/api-key.ts';

export type CompiledApiKey = CompiledIssuedKey | CompiledSecretSet;

type Common = {
  /** Lower case. */
  readonly header: string;
  /** The upstream gets the key too. */
  readonly forward?: true;
  readonly realm: string;
};

export type CompiledIssuedKey = Common & {
  readonly kind: 'issued';
  /** Parameter that may hold the key; absent: the query is not looked at. */
  readonly query?: string;
  readonly environments: readonly KeyEnvironment[];
};

export type CompiledSecretSet = Common & {
  readonly kind: 'secret-set';
  /** `namespace/name`, sorted. */
  readonly sets: readonly string[];
};
