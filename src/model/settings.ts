/** Gateway-wide settings: the defaults, and how several sources of settings become one. */
import type { GatewaySettings, PathSettings, RouteTimeouts } from './route-model.ts';

/** Settings as one source gives them; whatever it does not name is left to the sources before it. */
export type SettingsPatch = Partial<Omit<GatewaySettings, 'paths'>> & { readonly paths?: Partial<PathSettings> };

/**
 * What holds when nothing is written. Where parity with Ambassador and safety differ the safe answer
 * is the default (docs/parity.md); each is switchable.
 */
export const DEFAULT_SETTINGS: GatewaySettings = {
  paths: {
    dotSegments: 'reject',
    escapedSlashes: 'reject',
    pathParams: 'reject',
    mergeSlashes: false,
    rewriteDoubleSlash: 'keep',
  },
  hostPort: 'strip',
  rejectStatus: 404,
  redirectUnmatched: false,
  failOpen: 'as-upstream',
  headersWithUnderscores: 'drop',
  cookieLines: 'rejoin',
  trustedHops: 0,
  maxRequestHeadersBytes: 61_440,
  maxTargetBytes: 8192,
  preserveRequestId: false,
  serverHeader: null,
  suppressEnvoyHeaders: false,
  exposeConfigVersion: false,
};

/**
 * Defaults with each patch laid over them, later ones winning: defaults < Module (Ambassador) <
 * routes.config.ts. `paths` is merged switch by switch.
 */
export function mergeSettings(...patches: readonly (SettingsPatch | null)[]): GatewaySettings {
  const written = patches.filter((patch) => patch !== null);
  const paths: PathSettings = Object.assign({}, DEFAULT_SETTINGS.paths, ...written.map((patch) => patch.paths));
  return Object.assign({}, DEFAULT_SETTINGS, ...written, { paths });
}

/** Of a route that says nothing: Ambassador's 3 s for the exchange, Envoy's 5 minutes of silence. */
export const DEFAULT_TIMEOUTS: RouteTimeouts = { requestMs: 3000, idleMs: 300_000, attemptMs: null };
