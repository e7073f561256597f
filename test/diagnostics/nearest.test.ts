import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/diagnostics/nearest.ts';

describe('nearest', () => {
  it.each([
    ['chekc', ['check', 'compile'], 'check'],
    ['rewirte', ['rewrite', 'service'], 'rewrite'],
    ['Timeout_MS', ['timeout_ms'], 'timeout_ms'],
    ['timeout', ['idle_timeout_ms', 'timeout_ms'], 'timeout_ms'],
    ['retry', ['regex', 'retry_policy'], 'retry_policy'],
    ['tls', ['time', 'tls_context'], null],
    ['xyz', ['check', 'compile'], null],
    ['', ['check'], null],
    ['ab', [], null],
  ])('%s of %j is %s', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });

  it('finds any word again after one edit', () => {
    const words = ['precedence', 'prefix_regex', 'host_rewrite', 'timeout_ms', 'remove_request_headers'];
    fc.assert(
      fc.property(
        fc.constantFrom(...words),
        fc.nat(20),
        fc.constantFrom('drop', 'double', 'swap'),
        (word, position, edit) => {
          const at = position % (word.length - 1);
          const [a, b] = [word[at] ?? '', word[at + 1] ?? ''];
          const middle = { drop: b, double: a + a + b, swap: b + a }[edit];
          expect(nearest(word.slice(0, at) + middle + word.slice(at + 2), words)).toBe(word);
        },
      ),
    );
  });
});
