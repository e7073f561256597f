/** Module and Listeners → gateway settings. Only what they say: everything else keeps its default. */
import type { Report } from '../../diagnostics/finding.ts';
import type { PathSettings } from '../../model/route-model.ts';
import type { SettingsPatch } from '../../model/settings.ts';
import { trustedHops } from './listeners.ts';
import { reportAt } from './report-at.ts';
import type { ListenerResource, ModuleResource } from './types.ts';

export function translateSettings(
  module: ModuleResource | null,
  listeners: readonly ListenerResource[],
  report: Report,
): SettingsPatch {
  const hops = trustedHops(listeners, report);
  return {
    ...(hops === null ? {} : { trustedHops: hops }),
    ...(module === null ? {} : moduleSettings(module, report)),
  };
}

function moduleSettings(module: ModuleResource, report: Report): SettingsPatch {
  const { config } = module.spec;
  const paths = pathSettings(module, report);
  const underscores = underscoreActions.get(config['headers_with_underscores_action']);
  const headersKb = config['max_request_headers_kb'];
  const server = config['server_name'];
  reportInert(module, report);
  return {
    ...(Object.keys(paths).length === 0 ? {} : { paths }),
    ...(config['strip_matching_host_port'] === true ? { hostPort: 'strip' as const } : {}),
    ...(underscores === undefined ? {} : { headersWithUnderscores: underscores }),
    ...(typeof headersKb === 'number' && headersKb > 0 ? { maxRequestHeadersBytes: headersKb * 1024 } : {}),
    ...booleanSetting('preserveRequestId', config['preserve_external_request_id']),
    ...booleanSetting('suppressEnvoyHeaders', config['suppress_envoy_headers']),
    ...(typeof server === 'string' && server !== '' ? { serverHeader: server } : {}),
  };
}

const underscoreActions = new Map<unknown, 'allow' | 'reject' | 'drop'>([
  ['ALLOW', 'allow'],
  ['REJECT_REQUEST', 'reject'],
  ['DROP_HEADER', 'drop'],
]);

function booleanSetting(key: 'preserveRequestId' | 'suppressEnvoyHeaders', value: unknown): SettingsPatch {
  return typeof value === 'boolean' ? { [key]: value } : {};
}

function pathSettings(module: ModuleResource, report: Report): Partial<PathSettings> {
  const { config } = module.spec;
  const merge = config['merge_slashes'];
  const reject = config['reject_requests_with_escaped_slashes'];
  if (reject === false) {
    reportAt(report, module, {
      severity: 'info',
      code: 'parity-difference',
      message:
        '`false` is not taken over: `%2f` and `%5c` in a path are refused here unless this gateway is told otherwise.',
      path: 'spec.config.reject_requests_with_escaped_slashes',
      hint: "Set `parity: { escapedSlashes: 'keep' }` in routes.config.ts to let them through.",
    });
  }
  return {
    ...(typeof merge === 'boolean' ? { mergeSlashes: merge } : {}),
    ...(reject === true ? { escapedSlashes: 'reject' as const } : {}),
  };
}

/** Keys that people set for the client address, and that change nothing here. */
function reportInert(module: ModuleResource, report: Report): void {
  const { config } = module.spec;
  if (config['xff_num_trusted_hops'] !== undefined) {
    reportAt(report, module, {
      severity: 'info',
      code: 'no-effect',
      message:
        '`xff_num_trusted_hops` has no effect since Ambassador 2: the number of trusted proxies is the Listener’s.',
      path: 'spec.config.xff_num_trusted_hops',
      hint: 'Set `l7Depth` on the Listener.',
    });
  }
  if (config['use_remote_address'] === false) {
    reportAt(report, module, {
      severity: 'warning',
      code: 'parity-difference',
      message:
        '`use_remote_address: false` is not taken over: believing `x-forwarded-for` from anybody would let clients choose their address.',
      path: 'spec.config.use_remote_address',
      hint: 'Set `l7Depth` on the Listener to the number of trusted proxies in front.',
    });
  }
}
