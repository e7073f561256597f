/** Authored `api-key` options → what the Worker needs. */
import type { Json } from '../../../model/route-model.ts';
import type { LowerContext } from '../../contract.ts';
import { parseOptions, reportOption } from '../../parse-options.ts';
import type { AuthMethodLowering } from '../method.ts';
import type { CompiledApiKey } from './compiled.ts';
import { decodeApiKey } from './decode.ts';
import { apiKeySchemaFor, type ApiKeyOptions } from './options.ts';

const KNOWN_KEYS = ['kind', 'header', 'query', 'environments', 'forward', 'realm', 'sets'] as const;
const DEFAULT_HEADER = 'x-api-key';
export const DEFAULT_REALM = 'api';

/** Headers that mean something else to whoever stands on the way, so that a key in them is lost, kept or answered. */
const UNUSABLE_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'origin',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export const apiKeyLowering: AuthMethodLowering = {
  name: 'api-key',
  lower(options, context) {
    const schema = apiKeySchemaFor(options);
    const parsed = parseOptions(schema, options, { policy: 'api-key', knownKeys: KNOWN_KEYS, context });
    if (parsed === null) return null;
    const config = compileApiKey(parsed);
    return acceptsHeader(config, context) ? (config satisfies Json) : null;
  },
  injectedHeaders: () => [],
  describe(json) {
    const config = decodeApiKey(json);
    const where = `in ${config.header}`;
    if (config.kind === 'secret-set') return `an API key of the Secrets ${config.sets.join(', ')} ${where}`;
    const query = config.query === undefined ? '' : ` or the query parameter ${config.query}`;
    return `an API key (${config.environments.join(', ')}) ${where}${query}`;
  },
};

function compileApiKey(options: ApiKeyOptions): CompiledApiKey {
  const common = {
    header: (options.header ?? DEFAULT_HEADER).toLowerCase(),
    realm: options.realm ?? DEFAULT_REALM,
    ...(options.forward === true && { forward: true as const }),
  };
  if (options.kind === 'secret-set')
    return { kind: 'secret-set', ...common, sets: [...new Set(options.sets)].toSorted() };
  return {
    kind: 'issued',
    ...common,
    ...(options.query !== undefined && { query: options.query }),
    environments: [...new Set(options.environments ?? ['live' as const])].toSorted(),
  };
}

function acceptsHeader({ kind, header }: CompiledApiKey, context: LowerContext): boolean {
  const why = UNUSABLE_HEADERS.has(header)
    ? `\`${header}\` has a meaning of its own`
    : kind === 'issued' && header === 'authorization'
      ? '`Authorization: ApiKey KEY` is understood anyway, and without the scheme other methods could not tell what they see'
      : null;
  if (why === null) return true;
  reportOption(context, 'error', 'policy-options-invalid', {
    message: `Policy api-key: the header cannot hold a key: ${why}. The route refuses requests, because the policy cannot be applied as written.`,
    at: ['header'],
    hint: `Leave \`header\` out (\`${DEFAULT_HEADER}\`), or name a header of your own.`,
  });
  return false;
}
