import { describe, expect, it } from 'vitest';
import { isNodeRecentEnough } from '../../src/commands/node-version.ts';

describe('isNodeRecentEnough', () => {
  it.each([
    ['20.20.2', false],
    ['22.9.0', false],
    ['22.17.1', false],
    ['22.18.0', true],
    ['22.20.0', true],
    ['23.0.0', true],
    ['v24.21.0', true],
    ['100.0.0', true],
  ])('%s: %s', (version, expected) => {
    expect(isNodeRecentEnough(version, '22.18.0')).toBe(expected);
  });
});
