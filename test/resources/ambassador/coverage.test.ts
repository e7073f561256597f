import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  apiKeyFilterCoverage,
  authServiceCoverage,
  externalCoverage,
  filterCoverage,
  filterPolicyCoverage,
  filterRuleCoverage,
  gatewayExternalCoverage,
  jwtFilterCoverage,
} from '../../../src/resources/ambassador/auth-coverage.ts';
import {
  authServiceFields,
  externalFields,
  gatewayExternalFields,
} from '../../../src/resources/ambassador/external-shape.ts';
import { filterPolicyFields, filterRuleFields } from '../../../src/resources/ambassador/filter-policy-shape.ts';
import { apiKeyFields, filterFields, jwtFields } from '../../../src/resources/ambassador/filter-shape.ts';
import { renderCoverage } from '../../../src/resources/ambassador/coverage-page.ts';
import {
  hostCoverage,
  listenerCoverage,
  mappingCoverage,
  moduleCoverage,
} from '../../../src/resources/ambassador/coverage.ts';
import { hostFields } from '../../../src/resources/ambassador/host-shape.ts';
import { listenerFields } from '../../../src/resources/ambassador/listener-shape.ts';
import { otherMappingFields, typedMappingFields } from '../../../src/resources/ambassador/mapping-shape.ts';
import { moduleKeys } from '../../../src/resources/ambassador/module-shape.ts';

describe('coverage', () => {
  it.each([
    ['Mapping', mappingCoverage, { ...typedMappingFields, ...otherMappingFields }, 2],
    ['Host', hostCoverage, hostFields, 2],
    ['Listener', listenerCoverage, listenerFields, 2],
    ['Module', moduleCoverage, moduleKeys, 0],
    ['AuthService', authServiceCoverage, authServiceFields, 2],
    ['FilterPolicy', filterPolicyCoverage, filterPolicyFields, 2],
    ['rules of a FilterPolicy', filterRuleCoverage, filterRuleFields, 0],
    ['Filter', filterCoverage, filterFields, 2],
    ['Filter JWT', jwtFilterCoverage, jwtFields, 0],
    ['Filter APIKey', apiKeyFilterCoverage, apiKeyFields, 0],
    ['Filter External', externalCoverage, externalFields, 0],
    ['Filter external of v1alpha1', gatewayExternalCoverage, gatewayExternalFields, 0],
  ])('of %s has a row for every field, and no other', (_, coverage, fields, common) => {
    const rows = Object.keys(coverage);
    expect(rows.filter((row) => !Object.hasOwn(fields, row))).toHaveLength(common);
    expect(Object.keys(fields).filter((field) => !rows.includes(field))).toEqual([]);
  });

  it('has a sentence wherever something is not simply carried', () => {
    const auth = [authServiceCoverage, filterPolicyCoverage, filterRuleCoverage, filterCoverage, jwtFilterCoverage];
    const methods = [apiKeyFilterCoverage, externalCoverage, gatewayExternalCoverage];
    for (const table of [mappingCoverage, hostCoverage, listenerCoverage, moduleCoverage, ...auth, ...methods]) {
      for (const [field, { status, note }] of Object.entries(table)) {
        if (status !== 'carried') expect([field, note.endsWith('.')]).toEqual([field, true]);
      }
    }
  });

  it('is what docs/coverage.md says (`node scripts/render-coverage.ts` writes it)', () => {
    expect(readFileSync('docs/coverage.md', 'utf8')).toBe(renderCoverage());
  });
});
