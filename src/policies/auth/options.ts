/** Authored form of the `auth` policy: which of several ways to prove an identity a route demands. */
import * as z from 'zod';
import type { Json, Provenance } from '../../model/route-model.ts';

export type AuthOptions = {
  readonly methods: readonly AuthMethodUse[];
  /** `any`: one of them must let the request pass. `all`: each of them. */
  readonly require: 'any' | 'all';
  /** A request that shows no credential at all passes as the consumer `anonymous`; a bad one never does. Default false. */
  readonly optional?: boolean | undefined;
  /** Look for the route once more after headers changed, as Ambassador does. Default true. */
  readonly recomputeRoute?: boolean | undefined;
};

export type AuthMethodUse = {
  /** A name of AUTH_METHODS: `jwt`, `api-key`, `basic`, `external`. */
  readonly method: string;
  readonly options: Json;
  /** Where the method was written, when not where it is used. */
  readonly source?: Provenance | undefined;
};

const methodSchema = z.strictObject({
  method: z.string().min(1),
  options: z.json(),
  source: z.custom<Provenance>((value) => typeof value === 'object' && value !== null).optional(),
});

export const authOptionsSchema: z.ZodType<AuthOptions> = z.strictObject({
  methods: z.array(methodSchema).min(1, 'needs at least one method').max(16),
  require: z.enum(['any', 'all']),
  optional: z.boolean().optional(),
  recomputeRoute: z.boolean().optional(),
});
