/** Protocol upgrades: a route lists those its clients may ask for. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { CompiledRoute } from '../../program/route-program.ts';

/**
 * The protocol to switch to, or null for an ordinary request. `h2c` is no switch: RFC 9113 §3.1
 * dropped it, and Envoy serves such requests as the HTTP/1.1 they are. Throws GatewayError 403 `upgrade-not-allowed`.
 */
export function wantedUpgrade(received: Headers, route: Pick<CompiledRoute, 'upgrades'>): string | null {
  const header = received.get('upgrade')?.trim().toLowerCase() ?? '';
  if (header === '' || header === 'h2c') return null;
  if (route.upgrades?.includes(header) === true) return header;
  throw new GatewayError(403, 'upgrade-not-allowed', 'This route does not allow the requested protocol upgrade.');
}
