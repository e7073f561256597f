/** zod schemas of routes.config.ts, part by part. The authored types are in definition.ts. */
import * as z from 'zod';
import { hostPatternProblem } from '../model/hostname.ts';
import { serviceParts } from '../model/service-name.ts';
import { authorizeOptionsSchema } from '../policies/authorize/options.ts';
import { corsOptionsSchema } from '../policies/cors/options.ts';
import { geoOptionsSchema } from '../policies/geo/options.ts';
import { ipOptionsSchema } from '../policies/ip/options.ts';
import { rateLimitOptionsSchema } from '../policies/rate-limit/option-schema.ts';
import { authUseSchema } from './authentication.ts';
import { headerNameProblem, headerValueProblem, mutableHeaderProblem } from './header-syntax.ts';
import { pathProblem } from './path-text.ts';
import { originProblem } from './service.ts';
import { templateProblem } from './template.ts';
import { filePathProblem, isCleartext, serverNameProblem } from './upstream-tls.ts';

/** setTimeout fires at once above this, which would turn a long limit into none of the time asked for. */
const MAX_TIMEOUT_MS = 2_147_483_647;
const MAX_WEIGHT = 1_000_000;

/** A text with a rule of its own. `problem` completes the sentence "… cannot be used: …". */
function text(problem: (value: string) => string | null): z.ZodString {
  return z.string().superRefine((value, context) => {
    const found = problem(value);
    if (found !== null) context.addIssue({ code: 'custom', message: `\`${value}\` cannot be used: ${found}.` });
  });
}

const regex = z.strictObject({ regex: z.string().min(1) });
const replacement = z.strictObject({ pattern: z.string().min(1), substitution: z.string() });
const milliseconds = z.int().min(0).max(MAX_TIMEOUT_MS);
const hostname = text((value) => hostPatternProblem(value.toLowerCase()));
const headerName = text(headerNameProblem);
const changedHeader = text(mutableHeaderProblem);
const headerValue = text(headerValueProblem);
const condition = z.union([z.string(), z.literal(true), regex]);
const pathText = text(pathProblem);

export const pathSchema = z.union([
  pathText,
  z
    .strictObject({
      prefix: z.exactOptional(pathText),
      exact: z.exactOptional(pathText),
      regex: z.exactOptional(z.string().min(1)),
      segments: z.exactOptional(z.boolean()),
      ignoreCase: z.exactOptional(z.boolean()),
    })
    .superRefine((path, context) => {
      const kinds = [path.prefix, path.exact, path.regex].filter((kind) => kind !== undefined).length;
      if (kinds !== 1) {
        context.addIssue({
          code: 'custom',
          message: 'Exactly one of `prefix`, `exact` and `regex` says what is matched.',
        });
      }
      if (path.segments !== undefined && path.prefix === undefined) {
        context.addIssue({
          code: 'custom',
          path: ['segments'],
          message: '`segments` has a meaning for a `prefix` only.',
        });
      }
      if (path.ignoreCase !== undefined && path.regex !== undefined) {
        context.addIssue({ code: 'custom', path: ['ignoreCase'], message: 'A regex says `(?i)` itself.' });
      }
    }),
]);

/** What a route matches: read on its own when the rest of the route is wrong, to refuse at the same place. */
const conditions = {
  hostnames: z.exactOptional(z.array(hostname).min(1)),
  path: pathSchema,
  methods: z.exactOptional(z.array(text(methodProblem)).min(1)),
  headers: z.exactOptional(z.record(headerName, condition)),
  query: z.exactOptional(z.record(z.string().min(1), condition)),
  precedence: z.exactOptional(z.int()),
};
export const conditionsSchema = z.strictObject(conditions);

const service = {
  service: z.string().min(1),
  scheme: z.exactOptional(z.enum(['http', 'https'])),
  clusters: z.exactOptional(z.array(z.string()).min(1)),
};
const backendFields = {
  ...service,
  service: z.exactOptional(service.service),
  upstream: z.exactOptional(z.string()),
};
const headerChanges = z.strictObject({
  set: z.exactOptional(z.record(changedHeader, headerValue)),
  add: z.exactOptional(z.record(changedHeader, z.union([headerValue, z.array(headerValue).min(1)]))),
  remove: z.exactOptional(z.array(changedHeader)),
});
export const routeNameSchema = text((name) =>
  /^[A-Za-z0-9][-\w.]{0,99}$/.test(name)
    ? null
    : 'a name is 1 to 100 letters, digits, `-`, `_` and `.`, and starts with a letter or digit',
);

export const routeSchema = z.strictObject({
  ...conditions,
  name: routeNameSchema,
  backend: z.exactOptional(z.union([z.string().min(1), z.strictObject(backendFields)])),
  backends: z.exactOptional(
    z.array(z.strictObject({ ...backendFields, weight: z.exactOptional(z.int().min(0).max(MAX_WEIGHT)) })).min(1),
  ),
  redirect: z.exactOptional(
    z.strictObject({
      status: z.exactOptional(z.literal([301, 302, 303, 307, 308])),
      scheme: z.exactOptional(z.enum(['http', 'https'])),
      host: z.exactOptional(text(authorityProblem)),
      path: z.exactOptional(pathText),
      prefix: z.exactOptional(pathText),
      regex: z.exactOptional(replacement),
    }),
  ),
  respond: z.exactOptional(
    z.strictObject({
      status: z.int().min(200).max(599),
      body: z.exactOptional(z.string()),
      contentType: z.exactOptional(headerValue),
    }),
  ),
  rewrite: z.exactOptional(pathText),
  regexRewrite: z.exactOptional(replacement),
  hostRewrite: z.exactOptional(
    z.union([text(authorityProblem), z.strictObject({ from: z.enum(['client', 'upstream']) })]),
  ),
  requestHeaders: z.exactOptional(headerChanges),
  responseHeaders: z.exactOptional(headerChanges),
  timeouts: z.exactOptional(
    z.strictObject({
      requestMs: z.exactOptional(milliseconds),
      idleMs: z.exactOptional(milliseconds),
      attemptMs: z.exactOptional(milliseconds),
    }),
  ),
  upgrades: z.exactOptional(z.array(z.enum(['websocket']))),
  policies: z.exactOptional(
    z.strictObject({
      cors: z.exactOptional(corsOptionsSchema),
      auth: z.exactOptional(authUseSchema),
      ip: z.exactOptional(ipOptionsSchema),
      geo: z.exactOptional(geoOptionsSchema),
      authorize: z.exactOptional(authorizeOptionsSchema),
      rateLimit: z.exactOptional(rateLimitOptionsSchema),
    }),
  ),
});

export const upstreamSchema = z.union([z.string().min(1), z.strictObject(service)]);

const origin = text(originProblem);
/** A host is possible too: it redirects a service that is named by its external host. */
const serviceKey = text((key) =>
  serviceParts(key) === null && authorityProblem(key) !== null ? 'a service is `name[.namespace][:port]`' : null,
);

const filePath = text(filePathProblem);
const tls = z.strictObject({
  serverName: z.exactOptional(text(serverNameProblem)),
  ca: z.exactOptional(filePath),
  certificate: z.exactOptional(z.strictObject({ chain: filePath, key: filePath })),
});
const serviceOrigin = z.strictObject({ url: origin, tls: z.exactOptional(tls) }).superRefine((service, context) => {
  if (service.tls === undefined || !isCleartext(service.url)) return;
  context.addIssue({ code: 'custom', path: ['tls'], message: '`tls` needs an `https://` URL.' });
});

export const clusterSchema = z.strictObject({
  default: z.exactOptional(z.literal(true)),
  services: z.exactOptional(z.record(serviceKey, z.union([origin, serviceOrigin]))),
  template: z.exactOptional(text(templateProblem)),
  ingress: z.exactOptional(
    z
      .strictObject({
        url: origin,
        mode: z.enum(['client-host', 'service-host', 'service-header']),
        header: z.exactOptional(headerName),
      })
      .superRefine(({ mode, header }, context) => {
        if (header === undefined || mode === 'service-header') return;
        context.addIssue({
          code: 'custom',
          path: ['header'],
          message: '`header` is used by the mode `service-header` only.',
        });
      }),
  ),
  tls: z.exactOptional(tls),
  vpcService: z.exactOptional(
    text((name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? null : 'a binding is named like a JavaScript variable')),
  ),
  echoInDev: z.exactOptional(z.boolean()),
});

export const ambassadorSchema = z.strictObject({
  id: z.exactOptional(z.string().min(1)),
  namespace: z.exactOptional(z.string().min(1)),
  allowUnenforced: z.exactOptional(z.array(z.string().min(1))),
  looseLabelSelectors: z.exactOptional(z.boolean()),
});

export const paritySchema = z.strictObject({
  hostPort: z.exactOptional(z.enum(['strip', 'strict'])),
  rejectStatus: z.exactOptional(z.literal([404, 400])),
  redirectUnmatched: z.exactOptional(z.boolean()),
  prefixMode: z.exactOptional(z.enum(['raw', 'segment'])),
  rewriteDoubleSlash: z.exactOptional(z.enum(['keep', 'collapse'])),
  strictClaims: z.exactOptional(z.boolean()),
  failOpen: z.exactOptional(z.enum(['as-upstream', 'never'])),
  escapedSlashes: z.exactOptional(z.enum(['reject', 'keep'])),
  pathParams: z.exactOptional(z.enum(['reject', 'strip-in-dot-segments', 'keep'])),
  dotSegments: z.exactOptional(z.enum(['reject', 'normalize'])),
  mergeSlashes: z.exactOptional(z.boolean()),
  weightsRemainder: z.exactOptional(z.enum(['fallthrough', 'normalize'])),
  unattached: z.exactOptional(z.enum(['serve', 'drop'])),
});

export const gatewaySchema = z.strictObject({
  trustedHops: z.exactOptional(z.int().min(0).max(100)),
  headersWithUnderscores: z.exactOptional(z.enum(['drop', 'allow', 'reject'])),
  cookieLines: z.exactOptional(z.enum(['rejoin', 'keep'])),
  maxRequestHeadersKb: z.exactOptional(z.int().min(1).max(128)),
  maxTargetBytes: z.exactOptional(z.int().min(64).max(16_384)),
  preserveRequestId: z.exactOptional(z.boolean()),
  serverHeader: z.exactOptional(z.nullable(headerValue)),
  suppressEnvoyHeaders: z.exactOptional(z.boolean()),
  exposeConfigVersion: z.exactOptional(z.boolean()),
});

function methodProblem(method: string): string | null {
  if (!/^[!#$%&'*+.^_`|~0-9A-Z-]+$/.test(method)) return 'a method is one word in upper case, such as `GET`';
  return method === 'CONNECT' || method === 'TRACE' ? 'the gateway answers it with 405 before any route' : null;
}

function authorityProblem(authority: string): string | null {
  const problem = authority.includes('*') ? 'a wildcard is no name' : hostPatternProblem(authority.toLowerCase());
  return problem ?? null;
}
