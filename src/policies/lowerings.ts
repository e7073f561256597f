/** Build-time half of every policy. An explicit list: nothing registers itself by being imported. */
import { authLowering } from './auth/lower.ts';
import type { PolicyLowering } from './contract.ts';
import { corsLowering } from './cors/lower.ts';
import { filtersLowering } from './filters/lower.ts';
import { rateLimitLowering } from './rate-limit/lower.ts';

export const POLICY_LOWERINGS: readonly PolicyLowering[] = [
  corsLowering,
  filtersLowering,
  authLowering,
  rateLimitLowering,
];

/** The lowering of a policy, or null when no policy has that name. */
export function policyLowering(name: string): PolicyLowering | null {
  return POLICY_LOWERINGS.find((lowering) => lowering.name === name) ?? null;
}
