import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, mergeSettings } from '../../src/model/settings.ts';

describe('mergeSettings', () => {
  it('gives the defaults when nothing is written', () => {
    expect(mergeSettings()).toEqual(DEFAULT_SETTINGS);
    expect(mergeSettings({}, null, { paths: {} })).toEqual(DEFAULT_SETTINGS);
  });

  it('lets later patches win, switch by switch', () => {
    const merged = mergeSettings(
      { trustedHops: 1, serverHeader: 'a', paths: { mergeSlashes: true, dotSegments: 'normalize' } },
      { trustedHops: 2, paths: { dotSegments: 'reject' } },
    );
    expect(merged.trustedHops).toBe(2);
    expect(merged.serverHeader).toBe('a');
    expect(merged.paths).toEqual({ ...DEFAULT_SETTINGS.paths, mergeSlashes: true });
  });

  it('treats null as a value', () => {
    expect(mergeSettings({ serverHeader: 'a' }, { serverHeader: null }).serverHeader).toBeNull();
  });

  it('never changes the defaults', () => {
    const copy = structuredClone(DEFAULT_SETTINGS);
    mergeSettings({ trustedHops: 9, paths: { mergeSlashes: true } });
    expect(DEFAULT_SETTINGS).toEqual(copy);
  });
});
