/**
 * Backends as routes.config.ts names them: `name[.namespace][:port]` or the URL of an origin.
 *
 * Unlike a Mapping's `service` there is no guessing: a name with more parts than service and namespace
 * is refused with the advice to write a URL, because sending it to a service of that name would be wrong.
 */
import type { ServiceRef } from '../model/route-model.ts';
import { serviceOfName } from '../model/service-name.ts';

export type ParsedBackend =
  | { readonly ok: true; readonly service: ServiceRef; readonly external: boolean }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/** `scheme` and `clusters` belong to services; a URL says its scheme itself. */
export function parseBackend(
  text: string,
  scheme: 'http' | 'https' | undefined,
  clusters: readonly string[],
): ParsedBackend {
  if (text.includes('://')) return parseUrlBackend(text, scheme, clusters);
  const service = serviceOfName(text, scheme ?? 'http', clusters);
  if (service === null) {
    return {
      ok: false,
      message: `The backend \`${text}\` is neither \`name[.namespace][:port]\` nor a URL.`,
      hint: 'Write a Kubernetes service such as `orders.shop:8080`, or a URL such as `https://api.example.com`.',
    };
  }
  return { ok: true, external: false, service };
}

/** Why a text is not the URL of an origin (scheme, host, port and nothing else); null when it is. */
export function originProblem(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//i.test(text)) return 'it is not a URL that starts with http:// or https://';
  if (url.username !== '' || url.password !== '') return 'it holds user information, which belongs in no configuration';
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || /[?#]/.test(text)) {
    return 'it has a path, query or fragment; only scheme, host and port are used';
  }
  return null;
}

function parseUrlBackend(
  text: string,
  scheme: 'http' | 'https' | undefined,
  clusters: readonly string[],
): ParsedBackend {
  const problem = originProblem(text);
  const url = URL.parse(text);
  if (problem !== null || url === null) {
    return {
      ok: false,
      message: `The backend \`${text}\` cannot be used: ${problem ?? 'it is not a URL'}.`,
      hint: 'Write the origin alone, for example `https://api.example.com`, and change the path with `rewrite`.',
    };
  }
  if (scheme !== undefined || clusters.length > 0) {
    return {
      ok: false,
      message: `\`${scheme === undefined ? 'clusters' : 'scheme'}\` has no meaning for the URL \`${text}\`.`,
      hint: 'Leave it out: a URL is used as it stands.',
    };
  }
  const isTls = url.protocol === 'https:';
  return {
    ok: true,
    external: true,
    service: {
      text,
      scheme: isTls ? 'https' : 'http',
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      service: null,
      port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
      clusters: [],
    },
  };
}
