/** Request-time half of every policy. An explicit list: nothing registers itself by being imported. */
import { authHandler } from './auth/handler.ts';
import type { PolicyHandler } from './contract.ts';
import { authorizeHandler } from './authorize/handler.ts';
import { corsHandler } from './cors/handler.ts';
import { filtersHandler } from './filters/handler.ts';
import { geoHandler } from './geo/handler.ts';
import { ipHandler } from './ip/handler.ts';
import { rateLimitEarlyHandler } from './rate-limit/early-handler.ts';
import { rateLimitHandler } from './rate-limit/handler.ts';

export const POLICY_HANDLERS: readonly PolicyHandler[] = [
  corsHandler,
  ipHandler,
  geoHandler,
  rateLimitEarlyHandler,
  filtersHandler,
  authHandler,
  authorizeHandler,
  rateLimitHandler,
];

/** The handler of a policy, or null when this Worker has none: the route must then refuse. */
export function policyHandler(name: string): PolicyHandler | null {
  return POLICY_HANDLERS.find((handler) => handler.name === name) ?? null;
}
