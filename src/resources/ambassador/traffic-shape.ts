/** How requests reach a service: fields that a Mapping and the Module share, and that only Envoy can keep. */
import { isRecord } from '../record.ts';
import type { FieldSchema } from './field-schema.ts';
import {
  anything,
  boolean,
  dictionary,
  durationText,
  integer,
  list,
  nonEmptyText,
  oneOf,
  record,
  text,
  withSchema,
  type FieldKind,
} from './fields.ts';

const RETRY_ON = [
  '5xx',
  'gateway-error',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
] as const;

const oneCondition = oneOf(RETRY_ON);
const retryOn: FieldKind<string> = withSchema(oneCondition.schema, (value, path, reader) => {
  if (typeof value === 'string' && value.includes(',')) {
    return reader.fail(path, 'one condition, not a list of them', value, 'Keep the widest; `5xx` covers most others.');
  }
  return oneCondition(value, path, reader);
});

export const retryPolicy: FieldKind<unknown> = record<{
  retry_on?: string;
  num_retries?: number;
  per_try_timeout?: string;
  retry_back_off?: unknown;
}>({
  retry_on: retryOn,
  num_retries: integer(0),
  per_try_timeout: durationText,
  retry_back_off: record<{ base_interval?: string; max_interval?: string }>({
    base_interval: durationText,
    max_interval: durationText,
  }),
});

export const circuitBreakers: FieldKind<unknown> = list(
  record<{
    priority?: string;
    max_connections?: number;
    max_pending_requests?: number;
    max_requests?: number;
    max_retries?: number;
  }>({
    priority: oneOf(['default', 'high']),
    max_connections: integer(0),
    max_pending_requests: integer(0),
    max_requests: integer(0),
    max_retries: integer(0),
  }),
);

/** `idle_time` is the name of the schema, `time` the one that Ambassador reads. */
export const keepalive: FieldKind<unknown> = record<{
  probes?: number;
  interval?: number;
  idle_time?: number;
  time?: number;
}>({ probes: integer(0), interval: integer(0), idle_time: integer(0), time: integer(0) });

type LoadBalancer = {
  policy: 'round_robin' | 'least_request' | 'ring_hash' | 'maglev';
  cookie?: unknown;
  header?: string;
  source_ip?: boolean;
};

const loadBalancerFields = record<LoadBalancer>(
  {
    policy: oneOf(['round_robin', 'least_request', 'ring_hash', 'maglev']),
    cookie: record<{ name: string; path?: string; ttl?: string }>(
      { name: nonEmptyText, path: text, ttl: durationText },
      ['name'],
    ),
    header: nonEmptyText,
    source_ip: boolean,
  },
  ['policy'],
);

const loadBalancerSchema: FieldSchema = {
  ...loadBalancerFields.schema,
  'x-kubernetes-validations': [
    {
      rule: `${countOf(['cookie', 'header', 'source_ip'])} == (self.policy in ['ring_hash', 'maglev'] ? 1 : 0)`,
      message:
        'ring_hash and maglev need exactly one of cookie, header and source_ip; the other policies take none of them',
    },
  ],
};

/** The hashing policies need one thing to hash, the others take nothing. */
export const loadBalancer: FieldKind<unknown> = withSchema(loadBalancerSchema, (value, path, reader) => {
  const read = loadBalancerFields(value, path, reader);
  if (read === undefined) return undefined;
  const inputs = Object.keys(read).filter((key) => key !== 'policy').length;
  const hashes = read.policy === 'ring_hash' || read.policy === 'maglev';
  if (inputs === (hashes ? 1 : 0)) return read;
  return reader.reject(
    path,
    hashes
      ? `\`${read.policy}\` needs exactly one of \`cookie\`, \`header\` and \`source_ip\`.`
      : `\`${read.policy}\` takes neither \`cookie\` nor \`header\` nor \`source_ip\`.`,
    hashes ? 'Keep one of the three.' : 'Remove it, or use `ring_hash` or `maglev`.',
  );
});

const statusRange = record<{ min: number; max: number }>({ min: integer(100, 599), max: integer(100, 599) }, [
  'min',
  'max',
]);

export const healthChecks: FieldKind<unknown> = list(
  record<{
    timeout?: string;
    interval?: string;
    healthy_threshold?: number;
    unhealthy_threshold?: number;
    health_check: unknown;
  }>(
    {
      timeout: durationText,
      interval: durationText,
      healthy_threshold: integer(0),
      unhealthy_threshold: integer(0),
      health_check: record<{ http?: unknown; grpc?: unknown }>({
        http: record<{
          path: string;
          hostname?: string;
          add_request_headers?: unknown;
          remove_request_headers?: unknown;
          expected_statuses?: unknown;
        }>(
          {
            path: nonEmptyText,
            hostname: text,
            add_request_headers: anything,
            remove_request_headers: anything,
            expected_statuses: list(statusRange),
          },
          ['path'],
        ),
        grpc: record<{ upstream_name: string; authority?: string }>({ upstream_name: nonEmptyText, authority: text }, [
          'upstream_name',
        ]),
      }),
    },
    ['health_check'],
  ),
);

const BODIES = ['text_format', 'json_format', 'text_format_source'];

const errorBodyFields = record<{
  text_format?: string;
  json_format?: unknown;
  text_format_source?: unknown;
  content_type?: string;
}>({
  text_format: text,
  json_format: dictionary(text),
  text_format_source: record<{ filename: string }>({ filename: nonEmptyText }, ['filename']),
  content_type: text,
});

const errorBodySchema: FieldSchema = {
  ...errorBodyFields.schema,
  'x-kubernetes-validations': [
    {
      rule: `${countOf(BODIES)} == 1`,
      message: `must have exactly one of ${BODIES.join(', ')}`,
    },
  ],
};

const errorBody: FieldKind<unknown> = withSchema(errorBodySchema, (value, path, reader) => {
  const read = errorBodyFields(value, path, reader);
  const written = isRecord(value) ? BODIES.filter((key) => value[key] !== undefined && value[key] !== null) : [];
  if (read === undefined || written.length === 1) return read;
  const names = BODIES.map((name) => `\`${name}\``).join(', ');
  return reader.reject(path, `\`${path}\` must have exactly one of ${names}.`, 'Keep one of them.');
});

export const errorOverrides: FieldKind<unknown> = list(
  record<{ on_status_code: number; body: unknown }>({ on_status_code: integer(400, 599), body: errorBody }, [
    'on_status_code',
    'body',
  ]),
);

/** CEL for how many of these members there are; without a macro, whose estimated cost would be too high. */
function countOf(members: readonly string[]): string {
  return members.map((name) => `(has(self.${name}) ? 1 : 0)`).join(' + ');
}
