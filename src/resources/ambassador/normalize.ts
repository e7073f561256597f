/**
 * Objects of any served version → resources in the v3alpha1 form. Every field is judged by itself; a
 * resource with a wrong one carries that in `invalid`, and no other resource is touched.
 */
import type { Report } from '../../diagnostics/finding.ts';
import { authServiceCoverage } from './auth-coverage.ts';
import { hostCoverage, kindCoverage, listenerCoverage, type Coverage } from './coverage.ts';
import { authServiceFields, externalSpec } from './external-shape.ts';
import { filterPolicySpec } from './filter-policy-shape.ts';
import { filterSpec, type FilterGroup } from './filter-shape.ts';
import { asksForCertificate, hostFields, hostSpec } from './host-shape.ts';
import { listenerFields, listenerSpec } from './listener-shape.ts';
import { readMapping, reportLoadBalancers } from './read-mapping.ts';
import { mergeModules } from './read-module.ts';
import { rateLimitServiceCoverage } from './rate-limit-coverage.ts';
import { rateLimitServiceFields, rateLimitServiceSpec } from './rate-limit-service-shape.ts';
import { rateLimitSpec } from './rate-limit-shape.ts';
import { readSpec, specShape } from './read-spec.ts';
import { reportAt } from './report-at.ts';
import { startResource } from './start-resource.ts';
import { selectObjects, type SelectedObject } from './select-objects.ts';
import type {
  AmbassadorOptions,
  AuthServiceResource,
  FilterPolicyResource,
  FilterResource,
  HostResource,
  ListenerResource,
  NormalizedResources,
  RateLimitResource,
  RateLimitServiceResource,
  UnenforcedResource,
} from './types.ts';

/** Never throws for what an object says. Resources keep the order of the objects. */
export function normalizeResources(
  objects: Parameters<typeof selectObjects>[0],
  options: AmbassadorOptions,
  report: Report,
): NormalizedResources {
  const selected = selectObjects(objects, options, report);
  const of = (role: SelectedObject['role']): readonly SelectedObject[] => selected.filter((each) => each.role === role);
  const unenforced = of('unenforced').map((each) => readUnenforced(each, options, report));
  const contexts = unenforced.filter(({ kind, spec }) => kind === 'TLSContext' && asksForCertificate(spec));
  const asking = new Set(contexts.map(({ name }) => name));
  const listeners = of('Listener').map((each) => readListener(each, options, report));
  const module = mergeModules(of('Module'), options, report);
  const mappings = of('Mapping').map((each) => readMapping(each, options, report));
  return {
    mappings: reportLoadBalancers(mappings, module, unenforced, report),
    hosts: of('Host').map((each) => readHost(each, asking, options, report)),
    listeners,
    module,
    filters: of('Filter').map((each) => readFilter(each, options, report)),
    filterPolicies: of('FilterPolicy').map((each) => readFilterPolicy(each, options, report)),
    authServices: of('AuthService').map((each) => readAuthService(each, options, report)),
    rateLimits: of('RateLimit').map((each) => readRateLimit(each, options, report)),
    rateLimitServices: of('RateLimitService').map((each) => readRateLimitService(each, options, report)),
    unenforced,
  };
}

const hostShape = specShape(hostFields, hostCoverage);

function readHost(
  each: SelectedObject,
  asking: ReadonlySet<string>,
  options: AmbassadorOptions,
  report: Report,
): HostResource {
  const { base, reader } = startResource('Host', each, options, report);
  const read = readSpec(each.object.spec, 'spec', hostShape, reader);
  const spec = hostSpec(read, base.name, reader, (context) => asking.has(context));
  return { ...base, spec, invalid: reader.invalid };
}

const listenerShape = specShape(listenerFields, listenerCoverage);

function readListener(each: SelectedObject, options: AmbassadorOptions, report: Report): ListenerResource {
  const { base, reader } = startResource('Listener', each, options, report);
  const read = readSpec(each.object.spec, 'spec', listenerShape, reader);
  return { ...base, spec: listenerSpec(read, each.object.spec, reader), invalid: reader.invalid };
}

function filterGroup({ group }: SelectedObject): FilterGroup {
  return group === 'gateway.getambassador.io' ? 'gateway' : 'edge';
}

function readFilter(each: SelectedObject, options: AmbassadorOptions, report: Report): FilterResource {
  const { base, reader } = startResource('Filter', each, options, report);
  const spec = filterSpec(each.object.spec, filterGroup(each), reader);
  return { ...base, spec, invalid: reader.invalid };
}

function readFilterPolicy(each: SelectedObject, options: AmbassadorOptions, report: Report): FilterPolicyResource {
  const { base, reader } = startResource('FilterPolicy', each, options, report);
  const spec = filterPolicySpec(each.object.spec, filterGroup(each), reader);
  return { ...base, spec, invalid: reader.invalid };
}

const authServiceShape = specShape(authServiceFields, authServiceCoverage);

function readAuthService(each: SelectedObject, options: AmbassadorOptions, report: Report): AuthServiceResource {
  const { base, reader } = startResource('AuthService', each, options, report);
  const read = readSpec(each.object.spec, 'spec', authServiceShape, reader);
  return { ...base, spec: externalSpec(read, 'spec', reader), invalid: reader.invalid };
}

function readRateLimit(each: SelectedObject, options: AmbassadorOptions, report: Report): RateLimitResource {
  const { base, reader } = startResource('RateLimit', each, options, report);
  const spec = rateLimitSpec(each.object.spec, reader);
  return { ...base, spec, invalid: reader.invalid };
}

const rateLimitServiceShape = specShape(rateLimitServiceFields, rateLimitServiceCoverage);

function readRateLimitService(
  each: SelectedObject,
  options: AmbassadorOptions,
  report: Report,
): RateLimitServiceResource {
  const { base, reader } = startResource('RateLimitService', each, options, report);
  const { spec } = each.object;
  const read = readSpec(spec, 'spec', rateLimitServiceShape, reader);
  return { ...base, spec: rateLimitServiceSpec(read, spec, reader), invalid: reader.invalid };
}

const kinds: ReadonlyMap<string, Coverage> = new Map(Object.entries(kindCoverage));

/** Their fields are not judged: nothing reads them but what decides which routes they cover. */
function readUnenforced(each: SelectedObject, options: AmbassadorOptions, report: Report): UnenforcedResource {
  const { base, reader } = startResource(each.kind, each, options, report);
  const resource = { ...base, spec: each.object.spec, invalid: reader.invalid };
  const coverage = kinds.get(each.kind);
  if (coverage !== undefined && coverage.saidElsewhere !== true) reportKind(resource, coverage, report);
  return resource;
}

function reportKind(resource: UnenforcedResource, { status, note }: Coverage, report: Report): void {
  const isLater = status === 'not-yet-enforced';
  reportAt(report, resource, {
    severity: isLater ? 'warning' : 'info',
    code: status === 'difference' ? 'carried-differently' : status,
    message: isLater ? `${resource.kind} is not enforced yet. ${note}` : note,
    path: null,
    hint: null,
  });
}
