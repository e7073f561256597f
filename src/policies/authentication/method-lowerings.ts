/** Build-time half of every authentication method. An explicit list: nothing registers itself by being imported. */
import { apiKeyLowering } from './api-key/lower.ts';
import { basicLowering } from './basic/lower.ts';
import { externalLowering } from './external/lower.ts';
import { jwtLowering } from './jwt/lower.ts';
import type { AuthMethodLowering } from './method.ts';

export const AUTH_METHOD_LOWERINGS: readonly AuthMethodLowering[] = [
  externalLowering,
  apiKeyLowering,
  basicLowering,
  jwtLowering,
];

export function authMethodLowering(name: string): AuthMethodLowering | null {
  return AUTH_METHOD_LOWERINGS.find((lowering) => lowering.name === name) ?? null;
}
