/** The decision of the `cors` policy: used by the handler and by `explain`, so that both say the same. */
import type { RequestFacts } from '../contract.ts';
import type { CompiledCors } from './compiled.ts';

export type CorsDecision =
  /** A complete preflight from an origin let in: the gateway answers it. */
  | { readonly kind: 'preflight'; readonly origin: string }
  /** Any other request from an origin let in. */
  | { readonly kind: 'actual'; readonly origin: string }
  /** An origin not let in: passes on, gets no CORS headers from us, and the browser then keeps the answer from the script. */
  | { readonly kind: 'foreign'; readonly origin: string }
  | { readonly kind: 'no-origin' };

export function decideCors(config: CompiledCors, facts: Pick<RequestFacts, 'method' | 'headers'>): CorsDecision {
  const origin = facts.headers.get('origin');
  if (origin === null || origin === '') return { kind: 'no-origin' };
  if (config.anyOrigin !== true && !config.origins.includes(origin)) return { kind: 'foreign', origin };
  const asked = facts.headers.get('access-control-request-method');
  const isPreflight = facts.method === 'OPTIONS' && asked !== null && asked !== '';
  return { kind: isPreflight ? 'preflight' : 'actual', origin };
}
