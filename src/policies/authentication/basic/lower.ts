/** Authored `basic` options → what the Worker needs. */
import { parseOptions } from '../../parse-options.ts';
import type { AuthMethodLowering } from '../method.ts';
import type { CompiledBasic } from './compiled.ts';
import { decodeBasic } from './decode.ts';
import { basicOptionsSchema } from './options.ts';

const KNOWN_KEYS = ['realm', 'forward'] as const;
const DEFAULT_REALM = 'api';

export const basicLowering: AuthMethodLowering = {
  name: 'basic',
  lower(options, context) {
    const parsed = parseOptions(basicOptionsSchema, options, { policy: 'basic', knownKeys: KNOWN_KEYS, context });
    if (parsed === null) return null;
    const { realm = DEFAULT_REALM, forward } = parsed;
    return { realm, ...(forward === true && { forward: true as const }) } satisfies CompiledBasic;
  },
  injectedHeaders: () => [],
  describe: (json) => `a user name and password for the realm ${decodeBasic(json).realm}`,
};
