/** The last step of every answer: header changes of backend, route, gateway and policies, in that order. */
import { GatewayError } from '../diagnostics/errors.ts';
import type { Exchange } from './exchange.ts';

/**
 * An answer that needs no change is returned as it came: copying costs, and a status outside 200–599
 * survives only untouched. Throws GatewayError 502 `upstream-status-invalid` for such a status.
 */
export function finishResponse(response: Response, { view, matched }: Exchange): Response {
  const serverHeader = view?.settings.serverHeader ?? null;
  const version = view?.settings.exposeConfigVersion === true ? view.version : null;
  const backendHeaders = matched?.backendHeaders ?? null;
  const routeHeaders = matched?.loaded.responseHeaders ?? null;
  const outgoing = matched?.guarded?.outgoing ?? null;
  const hasOutgoing = outgoing !== null && !outgoing.isEmpty;
  if (backendHeaders === null && routeHeaders === null && serverHeader === null && version === null && !hasOutgoing) {
    return response;
  }
  const changed = copyOf(response);
  const { headers } = changed;
  if (matched !== null && (backendHeaders !== null || routeHeaders !== null)) {
    const context = { ...matched.template, response };
    backendHeaders?.(headers, context);
    routeHeaders?.(headers, context);
  }
  if (serverHeader !== null) headers.set('server', serverHeader);
  if (version !== null) headers.set('x-portolan-config-version', version);
  outgoing?.applyTo(headers);
  return changed;
}

function copyOf(response: Response): Response {
  const { status } = response;
  if (status === 101 || (status >= 200 && status <= 599)) return new Response(response.body, response);
  // No Response of ours may carry such a status, and sending it without the changes would drop a protection.
  throw new GatewayError(502, 'upstream-status-invalid', `The upstream answered with the status ${status}.`);
}
