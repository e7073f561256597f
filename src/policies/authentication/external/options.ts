/**
 * Authored form of the method `external`: another service says whether a request may pass, asked over
 * HTTP as Ambassador's AuthService and External Filter ask it (Envoy's ext_authz, HTTP service).
 */
import * as z from 'zod';
import type { ServiceRef } from '../../../model/route-model.ts';

export type ExternalOptions = {
  /**
   * The service to ask: a URL (`http://auth.internal:3000/verify`; its path is a `pathPrefix`), a Kubernetes
   * service (`auth.shop:3000`), or a service as a translator has resolved it.
   */
  readonly service: string | ServiceRef;
  /** Put before the request's path as it stands; begins with `/`. Default none. Not together with a URL that has a path. */
  readonly pathPrefix?: string | undefined;
  /** Whole check, the answer's body included. Default 5000, at most 600,000. */
  readonly timeoutMs?: number | undefined;
  /** Request headers to send besides those that are always sent. */
  readonly allowedRequestHeaders?: readonly string[] | undefined;
  /** Headers of the answer to copy besides those that always are: to the upstream on 200, else to the client. */
  readonly allowedAuthorizationHeaders?: readonly string[] | undefined;
  /** Fixed headers of every check request; they replace the client's. */
  readonly addRequestHeaders?: Readonly<Record<string, string>> | undefined;
  /** Send the request's body as well. Default: no body, `content-length: 0`. */
  readonly includeBody?: ExternalBody | undefined;
  /** Status for the client when the service cannot be asked, answers 5xx or nothing that can be used. Default 403. */
  readonly statusOnError?: number | undefined;
  /** Let the request pass when the service cannot be asked or answers 5xx. Default false. */
  readonly failureModeAllow?: boolean | undefined;
  /** `auth_context_extensions`. Envoy sends them over gRPC alone, so they reach no HTTP service; a warning says so. */
  readonly contextExtensions?: Readonly<Record<string, string>> | undefined;
  /** Send `l5d-dst-override: HOST:PORT` of the service (`add_linkerd_headers`). Default false. */
  readonly linkerdHeader?: boolean | undefined;
  /**
   * Host of the check request: the `client`'s, as Envoy does it, or the `service`'s own. Over plain fetch
   * it is always the service's. `x-forwarded-host` has the client's in any case. Default `client`.
   */
  readonly host?: 'client' | 'service' | undefined;
  /** Header of a 200 answer that names the consumer. Default: the method says nothing about who is calling. */
  readonly consumerFromHeader?: string | undefined;
};

export type ExternalBody = {
  /** 1 to 1,048,576. So much of every request is held in memory. */
  readonly maxBytes: number;
  /** A longer body: true sends its start with `x-envoy-auth-partial-body: true`, false answers 413. */
  readonly allowPartial: boolean;
};

export const MAX_BODY_BYTES = 1_048_576;
const MAX_TIMEOUT_MS = 600_000;

const name = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be a header name');
const names = z.array(name).max(100);
const value = z
  .string()
  .max(8_192)
  .regex(/^[\t\x20-\x7e]*$/, 'must be plain ASCII without line breaks, because it is sent in a header');
const pathPrefix = z
  .string()
  .max(2_048)
  .regex(/^\/[^\s?#\\]*$/, 'must begin with `/` and have neither query nor fragment')
  .regex(/^[\x21-\x7e]*$/, 'must be plain ASCII; other characters are written as percent escapes')
  .refine((text) => !/(?:^|\/)(?:\.|%2e){1,2}(?:\/|;|$)/i.test(text), 'must not hold a dot segment');

const serviceRef: z.ZodType<ServiceRef> = z.object({
  text: z.string(),
  scheme: z.enum(['http', 'https']),
  host: z.string().min(1),
  service: z.object({ name: z.string(), namespace: z.string() }).nullable(),
  port: z.int().min(1).max(65_535),
  clusters: z.array(z.string()),
  at: z.exactOptional(z.object({ path: z.string(), line: z.number().nullable() })),
});

export const externalOptionsSchema: z.ZodType<ExternalOptions> = z.strictObject({
  service: z.union([z.string().min(1, 'must not be empty'), serviceRef], 'must be a URL or `name[.namespace][:port]`'),
  pathPrefix: pathPrefix.optional(),
  timeoutMs: z.int().min(1).max(MAX_TIMEOUT_MS).optional(),
  allowedRequestHeaders: names.optional(),
  allowedAuthorizationHeaders: names.optional(),
  addRequestHeaders: z.record(name, value).optional(),
  includeBody: z.strictObject({ maxBytes: z.int().min(1).max(MAX_BODY_BYTES), allowPartial: z.boolean() }).optional(),
  statusOnError: z.int().min(400, 'must be an error status, 400 to 599').max(599).optional(),
  failureModeAllow: z.boolean().optional(),
  contextExtensions: z.record(z.string(), z.string()).optional(),
  linkerdHeader: z.boolean().optional(),
  host: z.enum(['client', 'service']).optional(),
  consumerFromHeader: name.optional(),
});
