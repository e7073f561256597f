import type { Consumer } from '../../../src/policies/contract.ts';

export function consumerOf(parts: Partial<Consumer> = {}): Consumer {
  return { id: 'alice', kind: 'jwt', issuer: null, plan: null, scopes: [], claims: {}, ...parts };
}
