/** What the Worker gets of an `auth` policy. */
import type { Json } from '../../model/route-model.ts';

export type CompiledAuth = {
  readonly require: 'any' | 'all';
  readonly optional?: true;
  /** The route is not looked for again when headers changed. */
  readonly keepRoute?: true;
  readonly methods: readonly CompiledAuthMethod[];
};

/** `config` is opaque here; the method reads it. */
export type CompiledAuthMethod = { readonly method: string; readonly config: Json };
