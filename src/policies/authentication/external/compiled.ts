/** What the Worker gets of a method `external`. */
import type { PolicyTarget } from '../../contract.ts';

export type CompiledExternal = {
  readonly target: PolicyTarget;
  /** Empty, or begins with `/`. */
  readonly pathPrefix: string;
  readonly timeoutMs: number;
  /** All request headers that travel; lower case. */
  readonly requestHeaders: readonly string[];
  /** Set after those. */
  readonly addedHeaders: readonly (readonly [name: string, value: string])[];
  /** All headers of an answer that are copied; lower case. */
  readonly answerHeaders: readonly string[];
  /** Absent: the body does not travel. */
  readonly body?: { readonly maxBytes: number; readonly allowPartial: boolean };
  readonly statusOnError: number;
  /** The request passes when the service cannot be asked. */
  readonly failOpen?: true;
  /** Host is the service's own instead of the client's. */
  readonly ownHost?: true;
  readonly consumerHeader?: string;
};
