/** The Cloudflare account to publish to, from environment variables. */
import { UserError } from '../diagnostics/errors.ts';
import { DEFAULT_BASE_URL } from './cloudflare-api.ts';
import type { CloudflareKvOptions } from './cloudflare-kv.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that name a namespace: of the program, of keys and users. */
export type NamespaceVariable = 'PORTOLAN_KV_NAMESPACE_ID' | 'PORTOLAN_KEYS_NAMESPACE_ID';

/**
 * `CLOUDFLARE_ACCOUNT_ID`, the namespace's variable and `CLOUDFLARE_API_TOKEN`; and
 * `CLOUDFLARE_API_BASE_URL`, which wrangler knows too, for another address of the API.
 * Throws UserError naming everything that is missing at once.
 */
export function cloudflareFromEnvironment(
  environment: Environment,
  namespaceVariable: NamespaceVariable = 'PORTOLAN_KV_NAMESPACE_ID',
): CloudflareKvOptions {
  const {
    CLOUDFLARE_ACCOUNT_ID: accountId = '',
    [namespaceVariable]: namespaceId = '',
    CLOUDFLARE_API_TOKEN: apiToken = '',
    CLOUDFLARE_API_BASE_URL: baseUrl = '',
  } = environment;
  const missing = [
    ['CLOUDFLARE_ACCOUNT_ID', accountId],
    [namespaceVariable, namespaceId],
    ['CLOUDFLARE_API_TOKEN', apiToken],
  ].flatMap(([name = '', value]) => (value === '' ? [name] : []));
  if (missing.length > 0) {
    throw new UserError(
      `${PURPOSES[namespaceVariable]} Cloudflare needs ${missing.join(', ')} in the environment; see docs/kv-layout.md`,
    );
  }
  return { accountId, namespaceId, apiToken, baseUrl: checkedBaseUrl(baseUrl === '' ? DEFAULT_BASE_URL : baseUrl) };
}

const PURPOSES: Readonly<Record<NamespaceVariable, string>> = {
  PORTOLAN_KV_NAMESPACE_ID: 'publishing to',
  PORTOLAN_KEYS_NAMESPACE_ID: 'changing keys on',
};

/** The token goes there: only over TLS, or to this machine. */
function checkedBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const local = url !== null && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url === null || (url.protocol !== 'https:' && !(url.protocol === 'http:' && local))) {
    throw new UserError(
      `CLOUDFLARE_API_BASE_URL must be an https URL, or http on this machine; it is ${JSON.stringify(text)}`,
    );
  }
  return text.replace(/\/+$/, '');
}
