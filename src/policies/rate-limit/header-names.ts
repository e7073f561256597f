/** Which headers limits may read a cost from, and which they may write. */
import { isTakenFromClients } from '../authentication/external/header-rules.ts';

/** Without them a message is not framed or does not find its way. */
const OF_CONNECTION =
  /^(?:connection|content-length|expect|host|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/;
/** Written by the gateway, or by what stands in front of it, about every request. */
const OF_GATEWAY = /^(?:(?:cf|l5d|x-envoy|x-forwarded|x-portolan)-.*|forwarded|x-request-id)$/;

/** null: the header may say a cost. It is taken from all clients of the gateway, or from those of the route, and never goes up. */
export function costHeaderProblem(name: string): string | null {
  const lower = name.toLowerCase();
  if (OF_CONNECTION.test(lower)) return 'it belongs to the connection';
  if (OF_GATEWAY.test(lower)) return 'the gateway writes it';
  return isTakenFromClients(lower)
    ? null
    : 'clients send it for reasons of their own, and it would be taken from their requests';
}

/** null: a limit may write the header. */
export function writtenHeaderProblem(name: string): string | null {
  return OF_CONNECTION.test(name.toLowerCase()) ? 'it belongs to the connection, which the gateway manages' : null;
}
