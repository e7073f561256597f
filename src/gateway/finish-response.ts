/** The last step of every answer: header changes of backend, route, gateway and policies, in that order. */
import { GatewayError } from '../diagnostics/errors.ts';
import type { OutgoingHeaderLog } from '../policies/outgoing-headers.ts';
import { applyOutgoing } from '../policies/outgoing-headers.ts';
import type { LoadedRoute } from './chain.ts';
import type { ProgramView } from './program-view.ts';
import type { HeaderChange } from './upstream/header-mutations.ts';
import type { TemplateContext } from './upstream/header-template.ts';

export type Finish = {
  readonly view: ProgramView | null;
  readonly loaded: LoadedRoute | null;
  readonly template: TemplateContext | null;
  /** Of the backend that was chosen. */
  readonly backendHeaders: HeaderChange | null;
  readonly outgoing: OutgoingHeaderLog;
};

/**
 * An answer that needs no change is returned as it came: copying costs, and a status outside 200–599
 * survives only untouched.
 */
export function finishResponse(response: Response, finish: Finish): Response {
  const { view, loaded, template, backendHeaders, outgoing } = finish;
  const serverHeader = view?.settings.serverHeader ?? null;
  const version = view?.settings.exposeConfigVersion === true ? view.version : null;
  const routeHeaders = loaded?.responseHeaders ?? null;
  if (
    backendHeaders === null &&
    routeHeaders === null &&
    serverHeader === null &&
    version === null &&
    outgoing.isEmpty
  ) {
    return response;
  }
  const changed = copyOf(response);
  const { headers } = changed;
  if (template !== null) {
    const context = { ...template, response };
    backendHeaders?.(headers, context);
    routeHeaders?.(headers, context);
  }
  if (serverHeader !== null) headers.set('server', serverHeader);
  if (version !== null) headers.set('x-portolan-config-version', version);
  applyOutgoing(outgoing, headers);
  return changed;
}

function copyOf(response: Response): Response {
  const { status } = response;
  if (status === 101 || (status >= 200 && status <= 599)) return new Response(response.body, response);
  // No Response of ours may carry such a status, and sending it without the changes would drop a protection.
  throw new GatewayError(502, 'upstream-status-invalid', `The upstream answered with the status ${status}.`);
}
