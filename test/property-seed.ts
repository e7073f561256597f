import * as fc from 'fast-check';

/**
 * The seed of every property test that names none. One commit's tests always try the same cases, so
 * that a change fails for what it changed; `PROPERTY_SEED=random` tries new ones, and a number tries
 * that seed's again.
 */
const DEFAULT_SEED = 20_261_126;

const asked = process.env['PROPERTY_SEED'] ?? String(DEFAULT_SEED);
if (asked !== 'random') {
  const seed = Number(asked);
  if (!Number.isSafeInteger(seed)) throw new Error(`PROPERTY_SEED is a whole number or "random", not "${asked}"`);
  fc.configureGlobal({ seed });
}
