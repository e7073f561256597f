import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, mergeSettings } from '../../../src/model/settings.ts';
import { parityDifferences } from '../../../src/resources/ambassador/parity-differences.ts';

describe('parity differences', () => {
  it('names every switch that differs, in one finding', () => {
    const found = parityDifferences(DEFAULT_SETTINGS);
    expect(found).toMatchObject({ severity: 'info', code: 'parity-difference', source: null });
    for (const name of ['dotSegments', 'escapedSlashes', 'pathParams', 'hostPort', 'headersWithUnderscores']) {
      expect(found?.message).toContain(`\`${name}\``);
    }
  });

  it('names nothing that has been switched', () => {
    const kept = { dotSegments: 'normalize', escapedSlashes: 'keep', pathParams: 'keep' } as const;
    const ported = mergeSettings({ hostPort: 'strict', paths: kept });
    expect(parityDifferences(ported)?.message).toBe(
      'Not as in Ambassador: headers with `_` in their names are dropped (`headersWithUnderscores`).',
    );
    expect(parityDifferences({ ...ported, headersWithUnderscores: 'allow' })).toBeNull();
    const paths = { ...kept, escapedSlashes: 'reject' } as const;
    expect(
      parityDifferences(mergeSettings({ hostPort: 'strict', headersWithUnderscores: 'reject', paths }))?.message,
    ).toBe(
      'Not as in Ambassador: a path with an escaped slash (`escapedSlashes`) gets 400 and requests with `_` in a header name get 400 (`headersWithUnderscores`).',
    );
  });
});
