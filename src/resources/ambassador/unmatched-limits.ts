/**
 * Limits that no Mapping's labels can meet. Said apart from the translation, which after a change looks
 * only at the Mappings that changed; this is about all of them.
 */
import type { Report } from '../../diagnostics/finding.ts';
import { labelGroups, type LabelGroupOfRoute } from './label-groups.ts';
import { matchPattern } from './limit-groups.ts';
import { readModuleDefaults, type ModuleDefaults } from './module-defaults.ts';
import { linkRateLimitServices } from './rate-limit-services.ts';
import { reportAt } from './report-at.ts';
import { compareVersions } from './resource-order.ts';
import type { AmbassadorOptions, MappingResource, NormalizedResources, RateLimitResource } from './types.ts';

export function reportUnmatchedLimits(
  resources: NormalizedResources,
  options: AmbassadorOptions,
  report: Report,
): void {
  const { mappings, rateLimits, rateLimitServices } = resources;
  if (rateLimits.length === 0) return;
  const defaults = readModuleDefaults(resources.module);
  const { active } = linkRateLimitServices(rateLimitServices, { options, defaults, report: () => undefined });
  const counted = new Set(active.flatMap(({ kind, domain }) => (kind === 'foreign' || domain === null ? [] : domain)));
  for (const domain of counted) {
    const groups = distinctGroups(mappings, domain, { options, defaults });
    for (const resource of rateLimits.toSorted(compareVersions)) {
      if (resource.spec.domain === domain) reportUnmatched(resource, groups, report);
    }
  }
}

/** Most Mappings of an installation have the same labels. */
function distinctGroups(
  mappings: readonly MappingResource[],
  domain: string,
  context: { readonly options: AmbassadorOptions; readonly defaults: ModuleDefaults },
): readonly LabelGroupOfRoute[] {
  const groups = new Map<string, LabelGroupOfRoute>();
  for (const mapping of mappings) {
    for (const group of labelGroups(mapping, mapping.spec.labels ?? {}, domain, context)) {
      groups.set(JSON.stringify(group), group);
    }
  }
  return [...groups.values()];
}

function reportUnmatched(resource: RateLimitResource, groups: readonly LabelGroupOfRoute[], report: Report): void {
  for (const { at, pattern, index } of resource.spec.limits) {
    if (pattern === null || groups.some((group) => matchPattern(pattern, group) !== null)) continue;
    reportAt(report, resource, {
      severity: 'info',
      code: 'rate-limit-unmatched',
      message: `Limit ${index + 1} counts nothing: no Mapping has a group of labels that starts with its pattern.`,
      path: `${at}.pattern`,
      hint: 'Compare keys and their order with `labels` of the Mappings, and with `default_labels` of the Module, which come first in every group.',
    });
  }
}
