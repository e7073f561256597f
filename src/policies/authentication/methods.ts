/** Request-time half of every authentication method. An explicit list: nothing registers itself by being imported. */
import { apiKeyMethod } from './api-key/method.ts';
import { basicMethod } from './basic/method.ts';
import { externalMethod } from './external/method.ts';
import { jwtMethod } from './jwt/method.ts';
import type { AuthMethodHandler } from './method.ts';

export const AUTH_METHODS: readonly AuthMethodHandler[] = [externalMethod, apiKeyMethod, basicMethod, jwtMethod];

/** null: this Worker has no such method, and the route must refuse. */
export function authMethod(name: string): AuthMethodHandler | null {
  return AUTH_METHODS.find((method) => method.name === name) ?? null;
}
