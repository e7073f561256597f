/** What crosses HTTP is tested against a real API server, in test/cluster. */
import { expect, it } from 'vitest';
import { readRetryAfterMs } from '../../src/sync/api-connection.ts';

it.each([
  [undefined, null],
  ['', 0],
  ['2', 2_000],
  ['Wed, 21 Oct 2026 07:28:00 GMT', null],
  ['-1', null],
  // A timer of more than 2^31 ms fires at once: the server would be asked without a pause.
  ['9999999', 300_000],
])('Retry-After %s', (header, expected) => expect(readRetryAfterMs(header)).toBe(expected));
