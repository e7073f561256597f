/** Build-time half of every authentication method. An explicit list: nothing registers itself by being imported. */
import { jwtLowering } from './jwt/lower.ts';
import type { AuthMethodLowering } from './method.ts';

export const AUTH_METHOD_LOWERINGS: readonly AuthMethodLowering[] = [jwtLowering];

export function authMethodLowering(name: string): AuthMethodLowering | null {
  return AUTH_METHOD_LOWERINGS.find((lowering) => lowering.name === name) ?? null;
}
