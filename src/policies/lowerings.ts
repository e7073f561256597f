/** Build-time half of every policy. An explicit list: nothing registers itself by being imported. */
import { authLowering } from './auth/lower.ts';
import type { PolicyLowering } from './contract.ts';
import { authorizeLowering } from './authorize/lower.ts';
import { corsLowering } from './cors/lower.ts';
import { filtersLowering } from './filters/lower.ts';
import { geoLowering } from './geo/lower.ts';
import { ipLowering } from './ip/lower.ts';
import { rateLimitEarlyLowering, rateLimitLowering } from './rate-limit/lower.ts';

export const POLICY_LOWERINGS: readonly PolicyLowering[] = [
  corsLowering,
  ipLowering,
  geoLowering,
  rateLimitEarlyLowering,
  filtersLowering,
  authLowering,
  authorizeLowering,
  rateLimitLowering,
];

/** The lowering of a policy, or null when no policy has that name. */
export function policyLowering(name: string): PolicyLowering | null {
  return POLICY_LOWERINGS.find((lowering) => lowering.name === name) ?? null;
}
