import { describe, expect, it } from 'vitest';
import { lowerOptions } from './lowering.ts';

function pathsOf(policy: string, options: unknown) {
  return lowerOptions(policy, options).findings.map(({ path, message }) => [path, message.split('. ')[0]]);
}

describe('a mistake in one of several forms', () => {
  it('is where it lies, when one form alone can have been meant', () => {
    expect(pathsOf('ip', { deny: [{ peer: '' }, { client: '' }] })).toEqual([
      ['spec.ip.deny[0].peer', 'Policy ip: must not be empty'],
      ['spec.ip.deny[1].client', 'Policy ip: must not be empty'],
    ]);
  });

  it('else is that it is none of them', () => {
    const message = expect.stringContaining('must be an address or range');
    expect(pathsOf('ip', { deny: [{ pear: '10.0.0.1' }, 7, {}] })).toEqual([
      ['spec.ip.deny[0]', message],
      ['spec.ip.deny[1]', message],
      ['spec.ip.deny[2]', message],
    ]);
  });
});
